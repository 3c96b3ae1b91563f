import { byId, setAttribute, setText } from './dom.js'
import { timeOfDay } from './figures.js'

/** A process that began so much later than the one before is another one. */
const OTHER_START_MS = 1_000

const DRAINS = 'The proxy is shutting down. These are its last figures; waiting for it to come back.'

const CROWDED = 'Too many pages and tools follow this proxy already. Trying again.'

/** Says how the page and the proxy stand with each other, and dims figures that are old. */
export class Connection {
  #line = byId('connection')
  #figures = byId('figures')
  #live
  /** Why the proxy let nobody in, as its code. */
  #code
  /** Of the proxy's process, as far as it is known; and of the one before the connection was lost. */
  #startedAt
  #startedBefore
  #draining = false

  /** May be told the same again and again. `code`: the proxy's own, when it answered and let nobody in. */
  changed(live, code) {
    if (live === this.#live && code === this.#code) return
    this.#live = live
    this.#code = code
    this.#figures.classList.toggle('stale', !live)
    // A proxy that drains lets us in and puts us out again, until it is gone.
    if (this.#draining) return
    if (live) this.#say('live', 'Live')
    else if (code === 'too_many_listeners') this.#say('lost', CROWDED)
    else if (this.#startedAt === undefined) this.#say('lost', 'The proxy does not answer. Trying again.')
    else {
      const at = timeOfDay(new Date())
      this.#say('lost', `Connection to the proxy lost at ${at}. These are the last figures; trying again.`)
    }
    if (!live) this.#startedBefore = this.#startedAt
  }

  /** What /health tells of the process: when it is a new one, that is said. */
  health({ status, timestamp, uptime_seconds }) {
    this.#startedAt = Date.parse(timestamp) - uptime_seconds * 1_000
    this.#draining = status === 'draining'
    if (this.#draining) {
      this.#startedBefore = this.#startedAt
      this.#say('draining', DRAINS)
      return
    }
    const isOther = this.#startedAt - this.#startedBefore > OTHER_START_MS
    const since = timeOfDay(new Date(this.#startedAt))
    this.#say('live', isOther ? `Live. The proxy was restarted at ${since}.` : 'Live')
  }

  #say(state, text) {
    setAttribute(this.#line, 'data-state', state)
    setText(this.#line, text)
  }
}
