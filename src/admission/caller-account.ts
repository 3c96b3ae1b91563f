import type { Caller, CallerLimits } from '../callers/caller.ts'
import type { Call, CallerView } from './contract.ts'
import type { FairRules } from './fair/rules.ts'
import { Share, type SharePlace } from './fair/share.ts'
import { UserShares } from './fair/user-shares.ts'

/** Keeps the accounts of all callers. */
interface AccountOwner extends FairRules {
  /** The first call of an account has come. */
  busy(account: CallerAccount): void
  /** The last call of an account is over. */
  idle(account: CallerAccount, now: number): void
  /** The calls of an account may go from now on. */
  opens(now: number): void
}

/** One caller with calls. Each call asks for fields of its account, so these are no getters. */
export class CallerAccount implements CallerView {
  readonly id: string
  /** For Accounts alone to change: the newest caller with this id. */
  caller: Caller
  /** For Accounts alone to change. */
  limits: CallerLimits
  /** Calls that hold slots. */
  active = 0
  /** Calls in line, all lanes together. */
  queued = 0
  /** As many calls run as the caller may have. */
  isFull: boolean
  readonly #accounts: AccountOwner
  /** What the caller has got in each class, by index in CALL_CLASSES. Made for the first call of the class. */
  readonly #shares: (Share | undefined)[] = []
  #users: (UserShares | undefined)[] | undefined

  constructor(accounts: AccountOwner, caller: Caller) {
    this.#accounts = accounts
    this.id = caller.id
    this.caller = caller
    this.limits = caller.limits
    this.isFull = caller.limits.parallel <= 0
  }

  get idle(): boolean {
    return this.active === 0 && this.queued === 0
  }

  /** Calls that may run beside those that run. */
  get room(): number {
    return Math.max(0, this.limits.parallel - this.active)
  }

  /** Whether the caller has got more in some class than others have that wait. */
  get leads(): boolean {
    return this.#shares.some((share) => share?.leads === true)
  }

  /** What the caller has got in a class. */
  shareOf(classIndex: number): Share {
    const known = this.#shares[classIndex]
    if (known !== undefined) return known
    const share = new Share(this.limits.weight ?? 1)
    this.#shares[classIndex] = share
    return share
  }

  /** What each person behind the key has got in a class. Undefined where no people are told apart. */
  usersOf(classIndex: number): UserShares | undefined {
    if (this.caller.key?.users === undefined || !this.#accounts.settings.fair) return undefined
    this.#users ??= []
    this.#users[classIndex] ??= new UserShares()
    return this.#users[classIndex]
  }

  /** Whether the caller has room for this call. A call that takes no slot needs none. */
  mayRun({ slots }: Call): boolean {
    return slots === 0 || !this.isFull
  }

  /** A call has got its slots. `passOn` must follow. */
  began(): void {
    if (this.idle) this.#accounts.busy(this)
    this.active++
    this.#counted()
  }

  /**
   * The caller has got more, or has no room any more. Where a call of this caller was the first that could run, another
   * one may be now. `lane`: a lane that looks by itself, unless the caller has no room.
   */
  passOn(now: number, lane?: object): void {
    if (this.queued === 0 || !(this.isFull || this.#accounts.settings.fair)) return
    for (const share of this.#shares)
      if (share !== undefined)
        for (const place of [...share.places]) if (this.isFull || place.lane !== lane) place.moved(now)
  }

  /** A call has given its slots back. The caller's oldest call that can run goes, in whichever lane that is. */
  ended(now: number): void {
    const opens = this.queued > 0 && this.active === this.limits.parallel
    if (opens) this.#accounts.opens(now)
    this.active--
    this.#counted()
    if (this.idle) this.#accounts.idle(this, now)
    if (opens) this.start(now)
  }

  /** A call stands in line. */
  joined(): void {
    if (this.idle) this.#accounts.busy(this)
    this.queued++
  }

  /** A call stands in line no more. */
  left(now: number): void {
    this.queued--
    if (this.idle) this.#accounts.idle(this, now)
  }

  /** For Accounts alone. */
  limit(limits: CallerLimits): void {
    this.limits = limits
    this.isFull = this.active >= limits.parallel
    for (const share of this.#shares) if (share !== undefined) share.weight = limits.weight ?? 1
    this.recount()
  }

  recount(): void {
    for (const line of this.#lines()) line.recount()
  }

  /** Starts calls that may go, first in the lane of the oldest one. */
  start(now: number): void {
    const numberOf = ({ oldest }: SharePlace) => oldest?.number ?? Number.POSITIVE_INFINITY
    for (const line of this.#lines().sort((a, b) => numberOf(a) - numberOf(b)))
      if (!this.isFull) line.moved(now)
  }

  /** For Accounts alone: what the caller has got counts no more. */
  forgive(): void {
    for (const share of this.#shares) share?.forgive()
    this.#users = undefined
  }

  /** The lines in which calls wait. */
  #lines(): SharePlace[] {
    return this.#shares.flatMap((share) => share?.places ?? [])
  }

  #counted(): void {
    const { parallel } = this.limits
    if (parallel === Number.POSITIVE_INFINITY) return
    this.isFull = this.active >= parallel
    if (this.queued > 0) this.recount()
  }
}
