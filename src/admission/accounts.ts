import type { Caller, CallerLimits } from '../callers/caller.ts'
import { CallerAccount } from './caller-account.ts'
import type { FairSettings } from './contract.ts'
import type { FairRules } from './fair/rules.ts'
import { RememberedAccounts } from './remembered-accounts.ts'

interface AccountsParts {
  readonly fairness: FairSettings
  /** The calls of a caller may go again. This is called before they may. */
  readonly opens: (now: number) => void
}

/**
 * What the calls of each caller take in all lanes together. An account without calls stays for a time while its caller
 * has got more than others, so that nobody gets rid of that by leaving.
 */
export class Accounts implements FairRules {
  settings: FairSettings
  readonly #parts: AccountsParts
  readonly #byId = new Map<string, CallerAccount>()
  readonly #idle = new RememberedAccounts<CallerAccount>((account) => this.#forget(account))
  /** Callers with calls. */
  #busy = 0
  /**
   * The account that was asked for last. This one stays while it is idle, because most calls find their account here
   * without a look-up.
   */
  #last: CallerAccount | undefined

  constructor(parts: AccountsParts) {
    this.#parts = parts
    this.settings = parts.fairness
  }

  /** Callers with calls. */
  *all(): Iterable<CallerAccount> {
    for (const account of this.#byId.values()) if (!account.idle) yield account
  }

  /** Accounts held, those without calls among them. */
  get size(): number {
    return this.#byId.size
  }

  find(id: string): CallerAccount | undefined {
    return this.#byId.get(id)
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
    const account = this.#byId.get(caller.id) ?? this.#open(caller)
    this.#pin(account, now)
    return account
  }

  /** The limits of callers have changed. `find`: undefined for a caller whose limits stay. */
  changed(find: (id: string) => CallerLimits | undefined, now: number): void {
    this.#pin(undefined, now)
    for (const account of [...this.#byId.values()])
      this.#change(account, find(account.id) ?? account.limits, now)
  }

  /** The slots are shared in another way from now on. The calls in line must join their lines again. */
  share(settings: FairSettings): void {
    if (settings.fair !== this.settings.fair) for (const account of this.#byId.values()) account.forgive()
    this.settings = settings
  }

  /** For CallerAccount alone: the first call of an account has come. */
  busy(account: CallerAccount): void {
    this.#busy++
    if (account === this.#last) return
    this.#byId.set(account.id, account)
    this.#idle.delete(account)
  }

  /** For CallerAccount alone: the last call of an account is over. */
  idle(account: CallerAccount, now: number): void {
    this.#busy--
    if (account !== this.#last) this.#idled(account, now)
    if (this.#busy > 0) return
    // Nobody is there whom a lead could delay.
    this.#idle.clear()
    this.#last?.forgive()
  }

  /** For CallerAccount alone: the calls of an account may go from now on. */
  opens(now: number): void {
    this.#parts.opens(now)
  }

  #open(caller: Caller): CallerAccount {
    const account = new CallerAccount(this, caller)
    this.#byId.set(caller.id, account)
    return account
  }

  #forget(account: CallerAccount): void {
    if (account.idle && this.#byId.get(account.id) === account) this.#byId.delete(account.id)
  }

  /** An account that is not pinned has no calls. */
  #idled(account: CallerAccount, now: number): void {
    if (account.leads) this.#idle.add(account, now)
    else this.#forget(account)
  }

  #pin(account: CallerAccount | undefined, now: number): void {
    const last = this.#last
    if (last === account) return
    this.#last = account
    if (account !== undefined) this.#idle.delete(account)
    if (last?.idle === true) this.#idled(last, now)
  }

  #change(account: CallerAccount, limits: CallerLimits, now: number): void {
    const { limits: before } = account
    if (limits.parallel === before.parallel) {
      account.limit(limits)
      return
    }
    const opens = account.isFull && account.queued > 0
    if (opens) this.#parts.opens(now)
    account.limit(limits)
    if (account.isFull) account.passOn(now)
    else if (opens) account.start(now)
  }
}
