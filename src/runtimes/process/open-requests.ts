/** Counts the calls that hold a client's socket, so that a shutdown knows when the last call is over. */
export class OpenRequests {
  #open = 0
  #idleListeners: (() => void)[] = []

  enter(): void {
    this.#open++
  }

  leave(): void {
    this.#open--
    if (this.#open > 0) return
    for (const listener of this.#idleListeners.splice(0)) listener()
  }

  /** Resolves once no call is open. */
  none(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#idleListeners.push(resolve))
  }
}
