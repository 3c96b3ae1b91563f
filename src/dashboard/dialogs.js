import { byId, setText } from './dom.js'

/** Opens a dialog; resolves to whether it was agreed to. Escape is a no. */
function opened(dialog) {
  const form = dialog.querySelector('form')
  return new Promise((resolve) => {
    const listening = new AbortController()
    const { signal } = listening
    const end = (agreed) => {
      listening.abort()
      dialog.close()
      resolve(agreed)
    }
    form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault()
        end(true)
      },
      { signal },
    )
    dialog.querySelector('[data-close]').addEventListener('click', () => end(false), { signal })
    dialog.addEventListener('close', () => end(false), { signal })
    dialog.showModal()
  })
}

/** Asks for the admin token, saying why. Resolves to '' when none is given. */
export async function askToken(why) {
  const field = byId('token')
  setText(byId('token-why'), why)
  field.value = ''
  const agreed = await opened(byId('token-dialog'))
  const token = agreed ? field.value.trim() : ''
  field.value = ''
  return token
}

/** Asks before a call is ended. The row that was clicked may be another by now, so the call is named. */
export function confirmCancel(what) {
  setText(byId('cancel-what'), what)
  return opened(byId('cancel-dialog'))
}
