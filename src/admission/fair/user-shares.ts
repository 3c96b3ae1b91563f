import { type ServiceLevel, Share } from './share.ts'

/** Idle people of one key whose lead is remembered. */
const REMEMBERED_USERS = 1_000

/** The people behind one key, in one class. They share what the key gets, in equal parts. */
export class UserShares {
  /** One level for all lines: it moves with each call of the key. */
  readonly level: ServiceLevel = { v: 0 }
  readonly #byUser = new Map<string, Share>()

  /** People who have calls, or whose lead is remembered. */
  get size(): number {
    return this.#byUser.size
  }

  of(user: string): Share {
    const known = this.#byUser.get(user)
    if (known !== undefined) return known
    const share = new Share(1)
    this.#byUser.set(user, share)
    return share
  }

  /** A person has no calls any more. */
  left(user: string): void {
    const share = this.#byUser.get(user)
    if (share?.idle !== true) return
    this.#byUser.delete(user)
    if (share.leads) this.#byUser.set(user, share)
    // Those who were idle for longest stand in front. Those who have calls go to the end.
    for (let unseen = this.#byUser.size; unseen > REMEMBERED_USERS; unseen--) this.#passFirst()
  }

  #passFirst(): void {
    for (const [first, each] of this.#byUser) {
      this.#byUser.delete(first)
      if (!each.idle) this.#byUser.set(first, each)
      return
    }
  }
}
