import type { Clock } from '../clock.ts'

/** Failures in a row that are answered at once. */
const BURST = 10
/** After these, one more is looked at each time that so much has passed. */
const ONE_MORE_MS = 1_000
/** Addresses that are remembered; beyond it the one whose last failure is longest ago is forgotten. */
const MOST_ADDRESSES = 10_000

interface Account {
  /** Failures that are still allowed, as of `at`. */
  left: number
  at: number
}

/** Slows down who fails again and again, each address for itself. */
export class Attempts {
  readonly #clock: Clock
  /** By the time of the last failure, the oldest first. */
  readonly #accounts = new Map<string, Account>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get remembered(): number {
    return this.#accounts.size
  }

  /** Milliseconds until the next attempt of this address may be looked at; 0 when it may be looked at already. */
  waitMs(address: string): number {
    const left = this.#left(address)
    return left >= 1 ? 0 : Math.ceil((1 - left) * ONE_MORE_MS)
  }

  failed(address: string): void {
    const left = Math.max(0, this.#left(address) - 1)
    this.#accounts.delete(address)
    this.#accounts.set(address, { left, at: this.#clock.now() })
    if (this.#accounts.size <= MOST_ADDRESSES) return
    for (const oldest of this.#accounts.keys()) {
      this.#accounts.delete(oldest)
      break
    }
  }

  #left(address: string): number {
    const account = this.#accounts.get(address)
    if (account === undefined) return BURST
    return Math.min(BURST, account.left + (this.#clock.now() - account.at) / ONE_MORE_MS)
  }
}
