import { byId, setAttribute, setText } from './dom.js'
import { KEY_NEEDED } from './event-stream.js'
import { timeOfDay } from './figures.js'

/** A start time that is later by more than this belongs to a new process. */
const NEW_PROCESS_MS = 1_000

const DRAINING = 'The proxy is shutting down. These are its last figures. Waiting until the proxy is back.'
const TOO_MANY = 'Too many pages and tools are connected to this proxy. Trying again.'

/** Shows the state of the connection to the proxy, and dims the figures when they are old. */
export class Connection {
  #line = byId('connection')
  #figures = byId('figures')
  #live
  /** Code of the proxy's error when the proxy refused the connection. */
  #code
  /** Start time of the proxy's process; undefined before the first answer. */
  #startedAt
  /** Start time of the process to which the connection was lost. */
  #lostStartedAt
  #draining = false

  /** `code`: the code of the proxy's error, when the proxy refused the connection. */
  changed(live, code) {
    if (live === this.#live && code === this.#code) return
    this.#live = live
    this.#code = code
    this.#figures.classList.toggle('stale', !live)
    // A draining proxy accepts and closes connections until its process ends, so the text about draining stays.
    if (this.#draining) return
    if (live) this.#say('live', 'Live')
    else if (code === 'too_many_listeners') this.#say('lost', TOO_MANY)
    else if (KEY_NEEDED.has(code)) this.#say('closed', 'The proxy shows its figures to keys that may view.')
    else if (this.#startedAt === undefined) this.#say('lost', 'The proxy does not answer. Trying again.')
    else {
      const at = timeOfDay(new Date())
      this.#say('lost', `Connection to the proxy lost at ${at}. These are the last figures. Trying again.`)
    }
    if (!live) this.#lostStartedAt = this.#startedAt
  }

  /** Takes the answer of /health, and shows whether the process is a new one. */
  health({ status, timestamp, uptime_seconds }) {
    this.#startedAt = Date.parse(timestamp) - uptime_seconds * 1_000
    this.#draining = status === 'draining'
    if (this.#draining) {
      this.#lostStartedAt = this.#startedAt
      this.#say('draining', DRAINING)
      return
    }
    const isNew = this.#startedAt - this.#lostStartedAt > NEW_PROCESS_MS
    const since = timeOfDay(new Date(this.#startedAt))
    this.#say('live', isNew ? `Live. The proxy was restarted at ${since}.` : 'Live')
  }

  #say(state, text) {
    setAttribute(this.#line, 'data-state', state)
    setText(this.#line, text)
  }
}
