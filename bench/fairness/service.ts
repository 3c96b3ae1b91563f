import type { Course } from './sharing.ts'
import type { Sender, SharingWorkload } from './workload.ts'

/** A call gets its slot, or gives its slot back. */
interface Change {
  readonly at: number
  readonly sender: number
  readonly slots: 1 | -1
}

/** The time in slots that each caller of a run has received, in milliseconds, over the time of the run. */
export class Service {
  readonly #senders: readonly Sender[]
  readonly #changes: readonly Change[]

  constructor({ senders, runMs }: SharingWorkload, courses: readonly Course[]) {
    this.#senders = senders
    const indexes = new Map(senders.map((sender, index) => [sender, index]))
    this.#changes = courses
      .flatMap(({ call, startedAt, endedAt }): Change[] => {
        const sender = indexes.get(call.sender)
        if (sender === undefined || startedAt === undefined) return []
        return [
          { at: startedAt, sender, slots: 1 },
          { at: endedAt ?? runMs, sender, slots: -1 },
        ]
      })
      .sort((a, b) => a.at - b.at)
  }

  /** At each of these times, in ascending order: what each caller has received until then, in the order of the callers. */
  at(times: readonly number[]): number[][] {
    const received = this.#senders.map(() => 0)
    const slots = this.#senders.map(() => 0)
    let now = 0
    let next = 0
    const advance = (to: number): void => {
      for (const [index, held] of slots.entries())
        received[index] = (received[index] ?? 0) + held * (to - now)
      now = to
    }
    return times.map((time) => {
      for (let change = this.#changes[next]; change && change.at <= time; change = this.#changes[++next]) {
        advance(change.at)
        slots[change.sender] = (slots[change.sender] ?? 0) + change.slots
      }
      advance(time)
      return [...received]
    })
  }

  /** As `at`, over the weight of each caller: equal for all callers, as far as the shares are fair. */
  weightedAt(times: readonly number[]): number[][] {
    return this.at(times).map((received) =>
      received.map((ms, index) => ms / (this.#senders[index]?.weight ?? 1)),
    )
  }

  /**
   * The largest difference of any two callers in service over weight, since the begin of the run. Between two changes the
   * service is linear, so the difference is largest at a change. All callers must have calls in line throughout.
   */
  gapMs(): number {
    let gap = 0
    for (const each of this.weightedAt(this.#changes.map(({ at }) => at)))
      gap = Math.max(gap, Math.max(...each) - Math.min(...each))
    return gap
  }

  /**
   * Jain's index of service over weight, of each whole window of the run. All callers must have calls in line throughout.
   * Throws a RangeError for a run that is shorter than a window.
   */
  jains(windowMs: number, runMs: number): number[] {
    if (!(windowMs <= runMs)) throw new RangeError(`no window of ${windowMs} ms in a run of ${runMs} ms`)
    const edges = Array.from({ length: Math.floor(runMs / windowMs) + 1 }, (_, index) => index * windowMs)
    const received = this.weightedAt(edges)
    return received
      .slice(1)
      .map((after, index) => jain(after.map((ms, sender) => ms - (received[index]?.[sender] ?? 0))))
  }
}

/** 1 for equal shares, 1/n when one of n has everything. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  const squares = shares.reduce((total, share) => total + share * share, 0)
  return (sum * sum) / (shares.length * squares)
}
