import { byId, setText } from './dom.js'

/** The form for a key or the admin token, in place of the figures. */
export class SignIn {
  #section = byId('sign-in')
  #why = byId('sign-in-why')
  #field = byId('key')
  #figures = byId('figures')

  /** `onKey` gets what the user enters. */
  constructor(onKey) {
    byId('sign-in-form').addEventListener('submit', (event) => {
      event.preventDefault()
      const key = this.#field.value.trim()
      this.#field.value = ''
      if (key === '') return
      setText(this.#why, 'The proxy is asked.')
      onKey(key)
    })
  }

  /** `sentence`: the proxy's own, from its answer. */
  show(sentence) {
    setText(this.#why, sentence)
    this.#toggle(true)
    this.#field.focus()
  }

  hide() {
    if (this.#section.hidden) return
    const hadFocus = this.#section.contains(document.activeElement)
    this.#toggle(false)
    if (hadFocus) this.#figures.focus({ preventScroll: true })
  }

  #toggle(isShown) {
    this.#section.hidden = !isShown
    for (const part of document.querySelectorAll('[data-signed-in]')) part.hidden = isShown
  }
}
