/** The time of the proxy. The clock of the browser may be wrong, and then a drawing would be shifted. */
export class ProxyClock {
  /** By how much the clock of the browser is ahead, in milliseconds. */
  #ahead = Number.POSITIVE_INFINITY

  /** `at`: a moment in a page that just came. An older moment says less, so the newest one counts. */
  saw(at) {
    const ahead = Date.now() - Date.parse(at)
    if (ahead < this.#ahead) this.#ahead = ahead
  }

  /** Another connection: the clock of the proxy may have been set. */
  restart() {
    this.#ahead = Number.POSITIVE_INFINITY
  }

  /** Milliseconds since 1970. The browser's own time before the first moment. */
  now() {
    return Date.now() - (Number.isFinite(this.#ahead) ? this.#ahead : 0)
  }
}
