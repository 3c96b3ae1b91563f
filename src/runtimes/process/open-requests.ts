/** Counts the exchanges that hold a client's socket, so that a shutdown knows when the last one is over. */
export class OpenRequests {
  #open = 0
  #whenNone: (() => void)[] = []

  enter(): void {
    this.#open++
  }

  leave(): void {
    this.#open--
    if (this.#open > 0) return
    for (const tell of this.#whenNone.splice(0)) tell()
  }

  none(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenNone.push(resolve))
  }
}
