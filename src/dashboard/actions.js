import { RequestFailed } from './admin.js'
import { byId, setAttribute, setText } from './dom.js'

/** How long the message about a success stays. */
const SHOWN_MS = 8_000

/** Sends what the buttons ask for, and shows the result at the foot of the page. */
export class Actions {
  #admin
  #message = byId('said')
  #hideTimer
  /** Buttons whose request is not answered yet. */
  #busy = new Set()

  constructor(admin) {
    this.#admin = admin
  }

  /**
   * Sends one request, and ignores the button until the proxy answers. `describe` gives the text to show after success.
   * Resolves to the proxy's answer, or to undefined when the request failed.
   */
  async run(button, path, body, describe) {
    if (this.#busy.has(button)) return undefined
    this.#busy.add(button)
    button.classList.add('busy')
    try {
      const answer = await this.#admin.send(path, body)
      this.say(describe(answer))
      return answer
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error
      this.say(error.message, 'bad')
      return undefined
    } finally {
      this.#busy.delete(button)
      button.classList.remove('busy')
    }
  }

  say(text, mood = 'good') {
    clearTimeout(this.#hideTimer)
    setAttribute(this.#message, 'data-mood', mood)
    setText(this.#message, text)
    // The text of a failure stays until there is a newer text, because the operator may read it later.
    if (mood === 'good') this.#hideTimer = setTimeout(() => setText(this.#message, ''), SHOWN_MS)
  }
}
