import type { Clock } from '../clock.ts'

/** After this many failures in a row an address has to wait. */
const BURST = 10
/** From then on, one attempt is allowed each time this much has passed. */
const ONE_MORE_MS = 1_000
/** Most addresses that are remembered. Beyond that, the address with the oldest last failure is forgotten. */
const MOST_ADDRESSES = 10_000

interface Account {
  /** Failures that were still allowed at the clock time `at`. */
  remaining: number
  at: number
}

/** Slows down an address that fails again and again. */
export class Attempts {
  readonly #clock: Clock
  /** In the order of the last failure, the oldest first. */
  readonly #accounts = new Map<string, Account>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get remembered(): number {
    return this.#accounts.size
  }

  /** Milliseconds until this address may try again. 0: now. */
  waitMs(address: string): number {
    const remaining = this.#remaining(address)
    return remaining >= 1 ? 0 : Math.ceil((1 - remaining) * ONE_MORE_MS)
  }

  failed(address: string): void {
    const remaining = Math.max(0, this.#remaining(address) - 1)
    this.#accounts.delete(address)
    this.#accounts.set(address, { remaining, at: this.#clock.now() })
    const [oldest = ''] = this.#accounts.keys()
    if (this.#accounts.size > MOST_ADDRESSES) this.#accounts.delete(oldest)
  }

  #remaining(address: string): number {
    const account = this.#accounts.get(address)
    if (account === undefined) return BURST
    return Math.min(BURST, account.remaining + (this.#clock.now() - account.at) / ONE_MORE_MS)
  }
}
