import type { Caller, CallerLimits } from '../callers/caller.ts'
import type { Call, CallerView } from './contract.ts'

/** The calls of one caller in one line. */
export interface AccountLine {
  /** Number of the oldest call. */
  readonly oldest: number
  /** The room of the caller has changed. */
  recount(): void
  /** The caller has room again, or none any more. Other calls than before may be the next to go. */
  moved(now: number): void
}

interface AccountsParts {
  /** Callers have limits now that had none, so their calls stand in lines of their own. */
  readonly partLines: () => void
  /** The calls of a caller may go again. This is called before they may. */
  readonly opens: (now: number) => void
}

/** One caller with calls. Each call asks for fields of its account, so these are no getters. */
export class CallerAccount implements CallerView {
  readonly id: string
  /** For Accounts alone to change: the newest caller with this id. */
  caller: Caller
  /** For Accounts alone to change. */
  limits: CallerLimits
  /** For Accounts alone to change: the caller has had a limit of running calls. */
  standsApart: boolean
  /** Calls that hold slots. */
  active = 0
  /** Calls in line, all lanes together. */
  queued = 0
  /** As many calls run as the caller may have. */
  isFull: boolean
  /** The caller has calls that wait in lines of their own. */
  isApart = false
  /** For Accounts alone to change: the account stays while it is idle. */
  isPinned = false
  readonly #accounts: Accounts
  /** The lines in which calls stand apart. Made for the first of them. */
  #lines: Set<AccountLine> | undefined

  constructor(accounts: Accounts, caller: Caller) {
    this.#accounts = accounts
    this.id = caller.id
    this.caller = caller
    this.limits = caller.limits
    this.standsApart = caller.limits.parallel < Number.POSITIVE_INFINITY
    this.isFull = caller.limits.parallel <= 0
  }

  get idle(): boolean {
    return this.active === 0 && this.queued === 0
  }

  /** Calls that may run beside those that run. */
  get room(): number {
    return Math.max(0, this.limits.parallel - this.active)
  }

  /** Whether the caller has room for this call. A call that takes no slot needs none. */
  mayRun({ slots }: Call): boolean {
    return slots === 0 || !this.isFull
  }

  /** A call has got its slots. `passOn` must follow. */
  began(): void {
    if (this.active === 0 && !this.isPinned) this.#accounts.keep(this)
    this.active++
    this.isFull = this.active >= this.limits.parallel
    if (this.isApart) this.recount()
  }

  /** After `began`: where a call of this caller was the first that could run, another one is now. */
  passOn(now: number): void {
    if (this.isFull && this.isApart) for (const line of [...(this.#lines ?? [])]) line.moved(now)
  }

  /** A call has given its slots back. The caller's oldest call that can run goes, in whichever lane that is. */
  ended(now: number): void {
    const opens = this.isApart && this.active === this.limits.parallel
    if (opens) this.#accounts.opens(now)
    this.active--
    this.isFull = this.active >= this.limits.parallel
    if (this.isApart) this.recount()
    if (this.active === 0 && !this.isPinned) this.#accounts.drop(this)
    if (opens) this.start(now)
  }

  /** A call stands in line. */
  joined(): void {
    if (this.queued === 0) this.#accounts.keep(this)
    this.queued++
  }

  /** A call stands in line no more. */
  left(): void {
    this.queued--
    this.#accounts.drop(this)
  }

  /** For a line of this caller alone: calls stand there. */
  enter(line: AccountLine): void {
    this.#lines ??= new Set()
    this.#lines.add(line)
    this.isApart = true
  }

  /** For a line of this caller alone: no call stands there. */
  leave(line: AccountLine): void {
    this.#lines?.delete(line)
    this.isApart = this.#lines !== undefined && this.#lines.size > 0
  }

  /** For Accounts alone. */
  limit(limits: CallerLimits): void {
    this.limits = limits
    this.isFull = this.active >= limits.parallel
  }

  recount(): void {
    for (const line of this.#lines ?? []) line.recount()
  }

  /** Starts calls that may go, first in the lane of the oldest one. */
  start(now: number): void {
    const lines = [...(this.#lines ?? [])].sort((a, b) => a.oldest - b.oldest)
    for (const line of lines) if (!this.isFull) line.moved(now)
  }
}

/** What the calls of each caller take in all lanes together. A caller without calls has no account. */
export class Accounts {
  readonly #parts: AccountsParts
  readonly #byId = new Map<string, CallerAccount>()
  /**
   * The account that was asked for last. This one stays while it is idle, because most calls find their account here
   * without a look-up.
   */
  #last: CallerAccount | undefined

  constructor(parts: AccountsParts) {
    this.#parts = parts
  }

  /** Callers with calls. */
  *all(): Iterable<CallerAccount> {
    for (const account of this.#byId.values()) if (!account.idle) yield account
  }

  /**
   * The account of a caller, for use at once: other calls can end it. The limits of the newest caller with an id count,
   * and calls that may go because of them go before this returns.
   */
  of(caller: Caller, now: number): CallerAccount {
    const last = this.#last
    if (last?.caller === caller) return last
    const known = this.#byId.get(caller.id)
    if (known !== undefined && known.caller !== caller) {
      known.caller = caller
      this.#change(known, caller.limits, now)
    }
    // The calls that have just gone can have ended the account.
    const account = this.#byId.get(caller.id) ?? new CallerAccount(this, caller)
    this.#byId.set(caller.id, account)
    this.#pin(account)
    return account
  }

  /** The limits of callers have changed. `find`: undefined for a caller whose limits stay. */
  changed(find: (id: string) => CallerLimits | undefined, now: number): void {
    this.#pin(undefined)
    for (const account of [...this.#byId.values()])
      this.#change(account, find(account.id) ?? account.limits, now)
  }

  /** For CallerAccount alone: a call of an idle account has come. */
  keep(account: CallerAccount): void {
    if (account.idle) this.#byId.set(account.id, account)
  }

  /** For CallerAccount alone: a call is over. */
  drop(account: CallerAccount): void {
    if (!account.isPinned && account.idle) this.#byId.delete(account.id)
  }

  /** For CallerAccount alone: the calls of an account may go from now on. */
  opens(now: number): void {
    this.#parts.opens(now)
  }

  #pin(account: CallerAccount | undefined): void {
    const last = this.#last
    this.#last = account
    if (account !== undefined) account.isPinned = true
    if (last === undefined || last === account) return
    last.isPinned = false
    this.drop(last)
  }

  #change(account: CallerAccount, limits: CallerLimits, now: number): void {
    const { limits: before } = account
    if (limits.parallel === before.parallel) {
      account.limit(limits)
      return
    }
    const opens = account.isFull && account.isApart
    if (opens) this.#parts.opens(now)
    account.limit(limits)
    if (!account.standsApart) {
      account.standsApart = true
      if (account.queued > 0) this.#parts.partLines()
    }
    account.recount()
    if (account.isFull) account.passOn(now)
    else if (opens) account.start(now)
  }
}
