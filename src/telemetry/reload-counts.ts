import type { LoadOption, OptionDifference } from '../ollama/load-options.ts'
import type { OptionReload } from './option-runs.ts'
import { RecentCount } from './recent-count.ts'

const MOST_PAIRS = 16
const MOST_CALLERS = 5

/** A client that sent one of the two values. */
interface ValueCaller {
  /** Address of the client's socket. */
  readonly client: string
  readonly value: string
}

/** Two values of one option between which a runner was loaded again. */
export interface ReloadPair {
  readonly option: LoadOption
  /** The values of the first of these loads, as printed. A load from `to` back to `from` counts as well. */
  readonly from: string
  readonly to: string
  /** Loads in the last ten minutes. */
  readonly count: number
  /** The last ones, at most five, the newest last. */
  readonly callers: readonly ValueCaller[]
  /** Clock milliseconds of the last load. */
  readonly last: number
}

interface CountedPair {
  readonly option: LoadOption
  readonly from: string
  readonly to: string
  readonly loads: RecentCount
  callers: readonly ValueCaller[]
  last: number
}

/** Counts the loads of one runner that options made necessary. */
export class ReloadCounts {
  readonly #loads = new RecentCount()
  /** The pair of the last load is last. */
  readonly #pairs = new Map<string, CountedPair>()

  add({ causes, previousClient }: OptionReload, client: string, now: number): void {
    this.#loads.add(now)
    for (const cause of causes) {
      const pair = this.#pairOf(cause)
      pair.loads.add(now)
      pair.last = now
      pair.callers = [
        { client: previousClient, value: cause.from },
        { client, value: cause.to },
      ].reduce(withCaller, pair.callers)
    }
  }

  /** Loads in the last ten minutes. A load because of two options is one load. */
  count(now: number): number {
    return this.#loads.at(now)
  }

  /** The pair with the most loads first. */
  pairs(now: number): readonly ReloadPair[] {
    return Array.from(this.#pairs.values(), ({ loads, ...pair }) => ({ ...pair, count: loads.at(now) })).sort(
      (a, b) => b.count - a.count || b.last - a.last,
    )
  }

  /** Forgets all pairs without a load since this clock time. */
  forgetBefore(time: number): void {
    for (const [key, { last }] of this.#pairs) if (last < time) this.#pairs.delete(key)
  }

  #pairOf({ option, from, to }: OptionDifference): CountedPair {
    const key = `${option} ${from < to ? `${from} ${to}` : `${to} ${from}`}`
    const pair = this.#pairs.get(key) ?? { option, from, to, loads: new RecentCount(), callers: [], last: 0 }
    this.#pairs.delete(key)
    this.#pairs.set(key, pair)
    const [oldest] = this.#pairs.keys()
    if (this.#pairs.size > MOST_PAIRS && oldest !== undefined) this.#pairs.delete(oldest)
    return pair
  }
}

function withCaller(callers: readonly ValueCaller[], caller: ValueCaller): readonly ValueCaller[] {
  // The runtime does not tell every address.
  if (caller.client === '') return callers
  const others = callers.filter(({ client, value }) => client !== caller.client || value !== caller.value)
  return [...others, caller].slice(-MOST_CALLERS)
}
