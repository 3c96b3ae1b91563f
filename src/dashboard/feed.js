import { KEY_NEEDED, NoAnswer, readEvents } from './event-stream.js'

/** The proxy sends a sample every 5 s, so after this time without an event the connection is dead. */
const SILENCE_MS = 20_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 15_000

/** Reads the proxy's events while the page is open. Reconnects after restarts and network failures. */
export class Feed {
  #parts
  #live = false
  #reading
  #failures = 0
  #timer

  /**
   * @param parts `url` of the stream; `handlers` by kind of event: a handler gets the data of the event; `onConnection`
   *   gets `true` at each event and `false` when the connection is lost, then with the code of the proxy's error if the
   *   proxy refused the connection; `onKeyNeeded` gets the proxy's sentence and code when the proxy wants a key or
   *   another key, and the feed then waits for `headersChanged`; `headers` gives the headers of each connection
   */
  constructor(parts) {
    this.#parts = parts
  }

  open() {
    this.#reading?.abort()
    const reading = new AbortController()
    const { signal } = reading
    this.#reading = reading
    this.#restartSilenceTimer()
    readEvents(this.#parts.url, { headers: this.#parts.headers(), signal }, (kind, data) => {
      // Events of an earlier connection may still arrive; they are ignored.
      if (!signal.aborted) this.#received(kind, data)
    }).then(
      () => this.#lost(signal),
      (error) => this.#lost(signal, error),
    )
  }

  /** Connects again at once with the new headers, unless the page is connected. */
  headersChanged() {
    if (!this.#live) this.#reopen(0)
  }

  #received(kind, data) {
    this.#failures = 0
    this.#live = true
    this.#restartSilenceTimer()
    this.#parts.onConnection(true)
    this.#parts.handlers[kind]?.(JSON.parse(data))
  }

  #lost(signal, error) {
    if (signal.aborted) return
    this.#live = false
    const { code, sentence } = error instanceof NoAnswer ? error : {}
    this.#parts.onConnection(false, code)
    if (KEY_NEEDED.has(code)) {
      clearTimeout(this.#timer)
      this.#parts.onKeyNeeded(sentence, code)
    } else this.#reopen(this.#backoff())
  }

  #restartSilenceTimer() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#live = false
      this.#parts.onConnection(false)
      this.#reopen(0)
    }, SILENCE_MS)
  }

  #reopen(afterMs) {
    this.#reading?.abort()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.open(), afterMs)
  }

  /** Doubles from failure to failure. A random part keeps many pages from connecting at the same moment. */
  #backoff() {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++)
    return longest * (0.5 + Math.random() / 2)
  }
}
