import { NoStream, readEvents } from './event-stream.js'

/** The proxy sends a sample every 5 s: after so long without a word the connection is dead, whatever it says. */
const SILENCE_MS = 20_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 15_000

/** Follows the proxy's events for as long as the page is open, across restarts and broken networks. */
export class Feed {
  #url
  #handlers
  #changed
  #headers
  #live = false
  #reading
  #failures = 0
  #timer

  /**
   * @param url of the stream
   * @param handlers by the kind of event: told what it carries
   * @param changed told `true` when events come again, `false` when the connection is lost, with the proxy's code
   *   when the proxy let nobody in
   * @param headers what to send along, asked for each time
   */
  constructor(url, handlers, changed, headers) {
    this.#url = url
    this.#handlers = handlers
    this.#changed = changed
    this.#headers = headers
  }

  open() {
    this.#reading?.abort()
    const reading = new AbortController()
    const { signal } = reading
    this.#reading = reading
    this.#watch()
    readEvents(this.#url, { headers: this.#headers(), signal }, (kind, data) => {
      // What was on its way when another reading began.
      if (!signal.aborted) this.#heard(kind, data)
    }).then(
      () => this.#lost(signal),
      (error) => this.#lost(signal, error),
    )
  }

  /** Somebody gave a token, or took it back: whoever was not let in is asked for again at once. */
  headersChanged() {
    if (!this.#live) this.#reopen(0)
  }

  #heard(kind, data) {
    this.#failures = 0
    this.#live = true
    this.#watch()
    this.#changed(true)
    this.#handlers[kind]?.(JSON.parse(data))
  }

  #lost(signal, error) {
    if (signal.aborted) return
    this.#live = false
    this.#changed(false, error instanceof NoStream ? error.code : undefined)
    this.#reopen(this.#backoff())
  }

  #watch() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#live = false
      this.#changed(false)
      this.#reopen(0)
    }, SILENCE_MS)
  }

  #reopen(afterMs) {
    this.#reading?.abort()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.open(), afterMs)
  }

  /** Doubles from one failure to the next; at random below that, so that many pages do not come at once. */
  #backoff() {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++)
    return longest * (0.5 + Math.random() / 2)
  }
}
