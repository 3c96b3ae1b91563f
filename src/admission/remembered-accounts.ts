/** For so long an account without calls is remembered. */
const REMEMBERED_MS = 600_000
/** So many accounts without calls are remembered: callers can be made up. */
const MOST_REMEMBERED = 10_000

/** Accounts without calls, each for a time. Looks at the oldest ones with each addition, so that no timer is needed. */
export class RememberedAccounts<T> {
  readonly #forget: (account: T) => void
  /** Clock milliseconds of the last call, the longest ago first. */
  readonly #since = new Map<T, number>()

  constructor(forget: (account: T) => void) {
    this.#forget = forget
  }

  add(account: T, now: number): void {
    this.#since.delete(account)
    this.#since.set(account, now)
    for (const [oldest, since] of this.#since) {
      if (now - since < REMEMBERED_MS && this.#since.size <= MOST_REMEMBERED) return
      this.#drop(oldest)
    }
  }

  delete(account: T): void {
    this.#since.delete(account)
  }

  /** Forgets all. */
  clear(): void {
    if (this.#since.size > 0) for (const account of [...this.#since.keys()]) this.#drop(account)
  }

  #drop(account: T): void {
    this.#since.delete(account)
    this.#forget(account)
  }
}
