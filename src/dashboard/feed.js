/** The proxy sends a sample every 5 s: after so long without a word the connection is dead, whatever it says. */
const SILENCE_MS = 20_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 15_000

/** Follows the proxy's events for as long as the page is open, across restarts and broken networks. */
export class Feed {
  #url
  #handlers
  #changed
  #source
  #failures = 0
  #timer

  /**
   * @param url of the stream
   * @param handlers by the kind of event: told what it carries
   * @param changed told `true` when events come again, `false` when the connection is lost
   */
  constructor(url, handlers, changed) {
    this.#url = url
    this.#handlers = handlers
    this.#changed = changed
  }

  open() {
    clearTimeout(this.#timer)
    const source = new EventSource(this.#url)
    this.#source = source
    for (const [kind, handle] of Object.entries(this.#handlers)) {
      source.addEventListener(kind, ({ data }) => {
        this.#failures = 0
        this.#watch()
        this.#changed(true)
        handle(JSON.parse(data))
      })
    }
    source.addEventListener('error', () => {
      this.#changed(false)
      // A browser comes back by itself from a lost connection, but gives up at an answer that is no event stream.
      if (source.readyState === EventSource.CLOSED) this.#reopen(this.#backoff())
    })
    this.#watch()
  }

  #watch() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#changed(false)
      this.#reopen(0)
    }, SILENCE_MS)
  }

  #reopen(afterMs) {
    this.#source?.close()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.open(), afterMs)
  }

  /** Doubles from one failure to the next; at random below that, so that many pages do not come at once. */
  #backoff() {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++)
    return longest * (0.5 + Math.random() / 2)
  }
}
