import type { Key } from './caller.ts'
import type { UsageRecord } from './usage-lines.ts'
import { Calendar, type WindowKind } from './windows.ts'

/** A call of a key, once the call is over. */
export interface Charge {
  readonly key: Pick<Key, 'name'>
  /** Milliseconds for which the call held slots, times the slots. */
  readonly slotMs: number
  /** In and out together. */
  readonly tokens: number
  /** Milliseconds since 1970 at which the call was over. */
  readonly at: number
}

/** A budget that has nothing left. */
export interface SpentBudget {
  readonly what: 'slot_seconds' | 'tokens'
  readonly window: WindowKind
  readonly limit: number
  readonly used: number
  /** Milliseconds since 1970 at which the window ends. */
  readonly resetsAt: number
}

export interface WindowUse {
  readonly slotSeconds: number
  readonly tokens: number
  /** Milliseconds since 1970 at which the window ends. */
  readonly resetsAt: number
}

interface UsedAmounts {
  slotMs: number
  tokens: number
}

/**
 * Windows that are kept for a key. Past windows are needed when the clock is set back: a day that was spent stays
 * spent. 32 days are every day of a month and one more.
 */
const KEPT: Readonly<Record<WindowKind, number>> = { day: 32, month: 3 }
const WINDOWS = ['month', 'day'] as const
/** Keys that are remembered although they are not configured any more. Each takes some kilobytes. */
const MOST_GONE = 1_000
const NOTHING: UsedAmounts = { slotMs: 0, tokens: 0 }

/**
 * What each key has used per day and month. A call is charged when it is over, to the window in which it ended, so the
 * call that crosses a limit completes. Limits are never kept: after a reload the new limits meet the same sums.
 */
export class Budgets {
  readonly #calendar = new Calendar()
  readonly #keys = new Map<string, Record<WindowKind, RecentWindows>>()

  charge({ key, slotMs, tokens, at }: Charge): void {
    this.#add(key.name, slotMs, tokens, at)
  }

  /** Adds what was written in files by earlier runs, or by this run before. Called before the first charge. */
  restore(records: Iterable<UsageRecord>): void {
    for (const { key, caller, slotMs, tokensIn, tokensOut, at } of records)
      if (key) this.#add(caller, slotMs, (tokensIn ?? 0) + (tokensOut ?? 0), at)
  }

  /** The spent budget of a key, of several the one whose window ends last. `at`: milliseconds since 1970. */
  spent(key: Key, at: number): SpentBudget | undefined {
    let last: SpentBudget | undefined
    for (const window of WINDOWS) {
      const [seconds, tokens] = [key.slotSeconds[window], key.tokens[window]]
      if (seconds === undefined && tokens === undefined) continue
      const { slotSeconds, tokens: used, resetsAt } = this.#use(key.name, window, at)
      if (last !== undefined && last.resetsAt >= resetsAt) continue
      if (seconds !== undefined && slotSeconds >= seconds)
        last = { what: 'slot_seconds', window, limit: seconds, used: slotSeconds, resetsAt }
      else if (tokens !== undefined && used >= tokens)
        last = { what: 'tokens', window, limit: tokens, used, resetsAt }
    }
    return last
  }

  /** What a key has used in the day and the month of `at`, in milliseconds since 1970. */
  used(key: Key, at: number): Readonly<Record<WindowKind, WindowUse>> {
    return { day: this.#use(key.name, 'day', at), month: this.#use(key.name, 'month', at) }
  }

  /**
   * These keys are configured now. Others are remembered, since a file that is being edited may lack a key for a moment,
   * and the key must not begin anew. When there are too many of them, all of them are forgotten.
   */
  keep(names: ReadonlySet<string>): void {
    if (this.#keys.size <= names.size + MOST_GONE) return
    for (const name of this.#keys.keys()) if (!names.has(name)) this.#keys.delete(name)
  }

  #add(name: string, slotMs: number, tokens: number, at: number): void {
    const windows = this.#keys.get(name) ?? {
      day: new RecentWindows(KEPT.day),
      month: new RecentWindows(KEPT.month),
    }
    this.#keys.set(name, windows)
    for (const kind of WINDOWS) {
      const sums = windows[kind].toCharge(this.#calendar.at(kind, at).id)
      sums.slotMs += slotMs
      sums.tokens += tokens
    }
  }

  #use(name: string, kind: WindowKind, at: number): WindowUse {
    const { id, endsAt } = this.#calendar.at(kind, at)
    const { slotMs, tokens } = this.#keys.get(name)?.[kind].sums(id) ?? NOTHING
    return { slotSeconds: slotMs / 1_000, tokens, resetsAt: endsAt }
  }
}

/** The sums of the windows that were charged last. */
class RecentWindows {
  readonly #most: number
  /** By id, the window that was charged last at the end. */
  readonly #sums = new Map<string, UsedAmounts>()
  #latest = ''

  constructor(most: number) {
    this.#most = most
  }

  sums(id: string): Readonly<UsedAmounts> | undefined {
    return this.#sums.get(id)
  }

  toCharge(id: string): UsedAmounts {
    const sums = this.#sums.get(id) ?? { slotMs: 0, tokens: 0 }
    if (id === this.#latest) return sums
    this.#latest = id
    this.#sums.delete(id)
    this.#sums.set(id, sums)
    for (const oldest of this.#sums.keys()) {
      if (this.#sums.size <= this.#most) break
      this.#sums.delete(oldest)
    }
    return sums
  }
}
