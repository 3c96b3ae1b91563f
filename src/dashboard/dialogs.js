import { byId, setText } from './dom.js'

/** Opens a dialog. Resolves to true when the user confirms, to false on the other button or Escape. */
function confirmed(dialog) {
  return new Promise((resolve) => {
    const listening = new AbortController()
    const { signal } = listening
    const end = (isConfirmed) => {
      listening.abort()
      dialog.close()
      resolve(isConfirmed)
    }
    const confirm = (event) => {
      event.preventDefault()
      end(true)
    }
    dialog.querySelector('form').addEventListener('submit', confirm, { signal })
    dialog.querySelector('[data-close]').addEventListener('click', () => end(false), { signal })
    dialog.addEventListener('close', () => end(false), { signal })
    dialog.showModal()
  })
}

/** Asks for the admin token and shows the reason `why`. Resolves to '' when the user gives no token. */
export async function askToken(why) {
  const field = byId('token')
  setText(byId('token-why'), why)
  field.value = ''
  const isGiven = await confirmed(byId('token-dialog'))
  const token = isGiven ? field.value.trim() : ''
  field.value = ''
  return token
}

/**
 * Asks before a call is cancelled. `what` names the call, because rows may have moved since the click: strings and
 * elements.
 */
export function confirmCancel(what) {
  byId('cancel-what').replaceChildren(...what)
  return confirmed(byId('cancel-dialog'))
}
