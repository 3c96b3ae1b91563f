import { KEY_NEEDED, NoAnswer, readEvents, readOnce } from './event-stream.js'

/** The proxy sends a sign of life every 15 s. After this silence no stream comes through, and the page asks instead. */
const SILENCE_MS = 20_000
const ASK_EVERY_MS = 3_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 15_000
/** A link may be opened before its call has arrived, so the page asks for some two minutes. */
const MOST_MISSES = 10

/** Follows one call until it is over: as a stream of events, or by asking where no stream comes through. */
export class CallFollower {
  #parts
  #asks = false
  #asking
  #timer

  /**
   * @param parts `url` of the call; `headers` gives those of each request; `onCall` gets the call; `onMissing` runs when
   *   there is no such call, and gets whether the page goes on asking; `onLost` runs when the connection is lost, and
   *   gets the proxy's sentence if there is one; `onKeyNeeded` gets the sentence when the proxy wants a key or another
   *   key: `start` goes on
   */
  constructor(parts) {
    this.#parts = parts
  }

  /** Begins, or begins again. */
  start() {
    this.#asking?.abort()
    clearTimeout(this.#timer)
    const asking = new AbortController()
    this.#asking = asking
    this.#follow(asking.signal)
  }

  async #follow(signal) {
    let failures = 0
    let misses = 0
    for (;;) {
      let pauseMs = this.#asks ? ASK_EVERY_MS : FIRST_RETRY_MS
      try {
        const isOver = await (this.#asks ? this.#ask(signal) : this.#listen(signal))
        if (isOver || signal.aborted) return
        failures = 0
        misses = 0
      } catch (error) {
        if (signal.aborted) return
        const { code, sentence } = error instanceof NoAnswer ? error : {}
        if (KEY_NEEDED.has(code)) return this.#parts.onKeyNeeded(sentence)
        pauseMs = backoff(failures++)
        if (code === 'request_not_found') {
          const goesOn = ++misses < MOST_MISSES
          this.#parts.onMissing(goesOn)
          if (!goesOn) return
        } else if (code === 'too_many_listeners' || error instanceof Silence) {
          this.#asks = true
          pauseMs = 0
        } else this.#parts.onLost(sentence)
      }
      await this.#pause(pauseMs)
      if (signal.aborted) return
    }
  }

  /** Asks once. Resolves to whether the call is over. */
  async #ask(signal) {
    const call = await readOnce(this.#parts.url, { headers: this.#parts.headers(), signal })
    if (!signal.aborted) this.#parts.onCall(call)
    return call.state === 'done'
  }

  /** Reads events until the stream ends. Resolves to whether the call is over; rejects with Silence after a long one. */
  async #listen(signal) {
    const connection = new AbortController()
    const leave = () => connection.abort()
    signal.addEventListener('abort', leave)
    let isSilent = false
    let isOver = false
    let timer
    const onLife = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        isSilent = true
        leave()
      }, SILENCE_MS)
    }
    onLife()
    try {
      const options = { headers: this.#parts.headers(), signal: connection.signal, onLife }
      await readEvents(this.#parts.url, options, (_kind, data) => {
        if (signal.aborted) return
        const call = JSON.parse(data)
        isOver = call.state === 'done'
        this.#parts.onCall(call)
      })
    } catch (error) {
      throw isSilent ? new Silence() : error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    }
    return isOver
  }

  #pause(ms) {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, ms)
    })
  }
}

/** No stream comes through: something between holds the events back. */
class Silence extends Error {}

/** Doubles from failure to failure. A random part keeps many pages from asking at the same moment. */
function backoff(failures) {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.5 + Math.random() / 2)
}
