import { Budgets } from '../../callers/budgets.ts'
import { dayOf } from '../../callers/windows.ts'
import type { LeaseEnd } from './lease-budgets.ts'

/** What a key has used on one day. */
export interface KeyDay {
  /** The name of the key. */
  readonly key: string
  /** `2026-11-28`. */
  readonly day: string
  /** Milliseconds for which calls held slots, times the slots. */
  readonly slotMs: number
  /** In and out together. */
  readonly tokens: number
  /** Milliseconds since 1970 of the last charge. */
  readonly at: number
}

/** Keeps one row for each key and day, so at most 33 rows for each key. Survives a restart. */
export interface UseStore {
  /** All rows, the earliest day first. */
  uses(): Iterable<KeyDay>
  /** Adds to the row of the key and the day. */
  addUse(use: KeyDay): void
  /** Removes rows whose last charge was before this, in milliseconds since 1970. */
  dropUses(before: number): void
}

/** 32 days: every day of a month is there until the month is over. */
const KEPT_MS = 32 * 86_400_000

/** What keys have used, in memory and in a store. The rows are by day: a month is the sum of its days. */
export class KeptBudgets {
  readonly budgets = new Budgets()
  readonly #store: UseStore
  #day: string

  /** Restores what was charged before a restart. `now`: milliseconds since 1970. */
  constructor(store: UseStore, now: number) {
    this.#store = store
    this.#day = dayOf(now).id
    store.dropUses(now - KEPT_MS)
    this.budgets.restore(Array.from(store.uses(), asRecord))
  }

  /** A call is over. Only callers with a key have budgets. */
  charge({ caller: { key }, slotMs, tokens, at }: LeaseEnd): void {
    if (key === undefined || (slotMs === 0 && tokens === 0)) return
    const { id } = dayOf(at)
    if (id !== this.#day) this.#store.dropUses(at - KEPT_MS)
    this.#day = id
    this.budgets.charge({ key, slotMs, tokens, at })
    this.#store.addUse({ key: key.name, day: id, slotMs, tokens, at })
  }
}

/** A day as Budgets restores a call. */
function asRecord({ key, slotMs, tokens, at }: KeyDay) {
  const nobody = { user: null, model: null, id: '' }
  return { ...nobody, at, caller: key, key: true, slotMs, tokensIn: tokens, tokensOut: null }
}
