import type { FairCall, FairWorld, Witness } from './world.ts'

/** The slot-milliseconds that each party has received: a party is whatever `partyOf` names. */
export class Service implements Witness {
  readonly #world: FairWorld
  readonly #partyOf: (call: FairCall) => string
  readonly #ended = new Map<string, number>()
  readonly #running = new Map<string, Set<FairCall>>()

  constructor(world: FairWorld, partyOf: (call: FairCall) => string = ({ wish }) => wish.by) {
    this.#world = world
    this.#partyOf = partyOf
    world.witnesses.unshift(this)
  }

  /** Calls that still run count up to now. */
  of(party: string): number {
    let total = this.#ended.get(party) ?? 0
    for (const { slots, grantedAt = 0 } of this.#running.get(party) ?? [])
      total += slots * (this.#world.now - grantedAt)
    return total
  }

  granted(call: FairCall): void {
    const party = this.#partyOf(call)
    const running = this.#running.get(party) ?? new Set()
    this.#running.set(party, running.add(call))
  }

  over(call: FairCall, from: string): void {
    if (from !== 'running') return
    const party = this.#partyOf(call)
    this.#running.get(party)?.delete(call)
    const { slots, grantedAt = 0, endedAt = 0 } = call
    this.#ended.set(party, (this.#ended.get(party) ?? 0) + slots * (endedAt - grantedAt))
  }
}

/** 1 when all values are equal, 1/n when one has everything (Jain, Chiu, Hawe 1984). */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  const squares = values.reduce((total, value) => total + value * value, 0)
  return squares === 0 ? 1 : sum ** 2 / (values.length * squares)
}
