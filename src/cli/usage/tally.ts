import type { UsageRecord } from '../../callers/usage-lines.ts'
import { Calendar } from '../../callers/windows.ts'

export const GROUPS = ['caller', 'user', 'model', 'day'] as const
export type UsageGroup = (typeof GROUPS)[number]

export interface UsageSum {
  calls: number
  slotMs: number
  tokensIn: number
  tokensOut: number
}

export interface UsageRow extends UsageSum {
  /** Null for calls without a user, or without a model. */
  readonly name: string | null
}

/** Rows by name. Addresses and models are chosen by clients, so there may be any number of names in the files. */
const MOST_ROWS = 10_000
/** The row of all names for which there is no row left. */
const OTHERS = '(others)'

/** Adds up records by their caller, user, model or local day. */
export class UsageTally {
  readonly total: UsageSum = { calls: 0, slotMs: 0, tokensIn: 0, tokensOut: 0 }
  readonly #by: UsageGroup
  readonly #calendar = new Calendar()
  readonly #rows = new Map<string | null, UsageRow>()

  constructor(by: UsageGroup) {
    this.#by = by
  }

  add(record: UsageRecord): void {
    const row = this.#rowOf(this.#nameOf(record))
    for (const sum of [row, this.total]) {
      sum.calls++
      sum.slotMs += record.slotMs
      sum.tokensIn += record.tokensIn ?? 0
      sum.tokensOut += record.tokensOut ?? 0
    }
  }

  /** Days in their order, all others with the most slot-seconds first. */
  rows(): UsageRow[] {
    const byName = (one: UsageRow, other: UsageRow) => ((one.name ?? '') < (other.name ?? '') ? -1 : 1)
    return [...this.#rows.values()].sort((one, other) =>
      this.#by === 'day' ? byName(one, other) : other.slotMs - one.slotMs || byName(one, other),
    )
  }

  #nameOf(record: UsageRecord): string | null {
    return this.#by === 'day' ? this.#calendar.at('day', record.at).id : record[this.#by]
  }

  #rowOf(name: string | null): UsageRow {
    const known = this.#rows.get(name)
    if (known) return known
    if (this.#rows.size >= MOST_ROWS && name !== OTHERS) return this.#rowOf(OTHERS)
    const row = { name, calls: 0, slotMs: 0, tokensIn: 0, tokensOut: 0 }
    this.#rows.set(name, row)
    return row
  }
}
