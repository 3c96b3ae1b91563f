import { Refused } from './admin.js'
import { byId, setAttribute, setText } from './dom.js'

const SHOWN_MS = 8_000

/** What the buttons do, and what is said of it at the foot of the page. */
export class Actions {
  #admin
  #said = byId('said')
  #fade
  #underWay = new Set()

  constructor(admin) {
    this.#admin = admin
  }

  /**
   * Does something at the proxy, once however often the button is pressed. `describe`: what is said when it is done.
   * Resolves to the proxy's answer, or to undefined when it refused.
   */
  async run(button, path, body, describe) {
    if (this.#underWay.has(button)) return undefined
    this.#underWay.add(button)
    button.classList.add('busy')
    try {
      const answer = await this.#admin.send(path, body)
      this.say(describe(answer))
      return answer
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.say(error.message, 'bad')
      return undefined
    } finally {
      this.#underWay.delete(button)
      button.classList.remove('busy')
    }
  }

  say(text, mood = 'good') {
    clearTimeout(this.#fade)
    setAttribute(this.#said, 'data-mood', mood)
    setText(this.#said, text)
    // A refusal stays until there is something newer: it may be read later.
    if (mood === 'good') this.#fade = setTimeout(() => setText(this.#said, ''), SHOWN_MS)
  }
}
