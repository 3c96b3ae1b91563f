import { Service } from './service.ts'
import type { FairCall, FairWorld, Witness } from './world.ts'

interface GapParts {
  /** The party that a call counts for; undefined for a call that counts for none. */
  readonly partyOf: (call: FairCall) => string | undefined
  /** Default: 1. */
  readonly weightOf?: (party: string) => number
  /** Parties that share slots with each other. Default: all. */
  readonly groupOf?: (party: string) => string
  /** Slots of the lane, as many as there ever are. */
  readonly slots: number
  /** Where admission charges the call of a party. Undefined: what parties are charged with is not looked at. */
  readonly accountOf?: (call: FairCall) => Account | undefined
}

/** `v`: for each unit of weight. */
interface Account {
  readonly v: number
}

/** The widest gap that was seen, as a share of (P + 1) longest calls. */
export interface Gap {
  readonly share: number
  readonly text: string
}

interface Pair {
  readonly parties: readonly [string, string]
  /** What the parties had received when both had begun to wait. */
  readonly from: readonly [number, number]
  readonly accounts: readonly [Account | undefined, Account | undefined]
}

const NONE = ''

/**
 * Watches the parties that have calls in line all the time: for each unit of weight, the slot-time that two of them have
 * received since both wait, and what they have been charged with. Calls of one lane alone.
 *
 * Both may differ by (P + 1) times the longest call, of P slots. In a million steps neither came to more than 8/9 of that.
 */
export class GapWatch implements Witness {
  received: Gap = { share: 0, text: 'no two parties waited' }
  charged: Gap = { share: 0, text: 'no two parties waited' }
  /** Pairs that were watched so far. */
  pairs = 0
  /** Slot-milliseconds of the largest call so far. */
  #longestMs = 0
  /** A call that is ending is among them until all that follows from its end has happened. */
  readonly #running = new Set<FairCall>()
  readonly #world: FairWorld
  readonly #parts: Required<GapParts>
  readonly #service: Service
  readonly #waiting = new Map<string, number>()
  readonly #accounts = new Map<string, Account | undefined>()
  #watched: Pair[] = []

  constructor(world: FairWorld, parts: GapParts) {
    this.#world = world
    this.#parts = { weightOf: () => 1, groupOf: () => NONE, accountOf: () => undefined, ...parts }
    this.#service = new Service(world, (call) => parts.partyOf(call) ?? NONE)
    world.witnesses.push(this)
  }

  stood(call: FairCall): void {
    const party = this.#parts.partyOf(call)
    if (party === undefined) return
    const before = this.#waiting.get(party) ?? 0
    this.#waiting.set(party, before + 1)
    if (before > 0) return
    const { groupOf } = this.#parts
    this.#accounts.set(party, this.#parts.accountOf(call))
    for (const [other, count] of this.#waiting) {
      if (count === 0 || other === party || groupOf(other) !== groupOf(party)) continue
      this.#watched.push({
        parties: [party, other],
        from: [this.#service.of(party), this.#service.of(other)],
        accounts: [this.#accounts.get(party), this.#accounts.get(other)],
      })
      this.pairs++
    }
  }

  granted(call: FairCall, waited: boolean): void {
    this.#running.add(call)
    this.look()
    if (waited) this.#left(call)
  }

  over(call: FairCall, from: 'arrival' | 'line' | 'running'): void {
    if (from === 'line') this.#left(call)
    if (from !== 'running') return
    this.#running.delete(call)
    this.#longestMs = Math.max(this.#longestMs, call.slots * ((call.endedAt ?? 0) - (call.grantedAt ?? 0)))
    this.look()
  }

  look(): void {
    if (this.#watched.length === 0) return
    const now = this.#world.now
    // A prediction counts as a call of its length.
    for (const { slots, grantedAt = 0, permit } of this.#running)
      this.#longestMs = Math.max(this.#longestMs, slots * (now - grantedAt), permit?.predicted ?? 0)
    if (this.#longestMs === 0) return
    const { weightOf } = this.#parts
    for (const { parties, from, accounts } of this.#watched) {
      const [one, other] = parties
      const weights = [weightOf(one), weightOf(other)] as const
      const got = [this.#service.of(one) - from[0], this.#service.of(other) - from[1]] as const
      const charged = [accounts[0]?.v ?? 0, accounts[1]?.v ?? 0] as const
      const text = () =>
        `at ${now} ${one} got ${got[0]}, is at ${charged[0]}; ${other} got ${got[1]}, is at ${charged[1]}`
      this.received = this.#wider(this.received, got[0] / weights[0] - got[1] / weights[1], weights, text)
      this.charged = this.#wider(this.charged, charged[0] - charged[1], weights, text)
    }
  }

  #wider(widest: Gap, gap: number, weights: readonly [number, number], text: () => string): Gap {
    const mostMs = ((this.#parts.slots + 1) * this.#longestMs) / Math.min(...weights)
    const share = Math.abs(gap) / mostMs
    if (share <= widest.share) return widest
    return {
      share,
      text: `${text()}, at weights ${weights}: ${Math.abs(gap)} apart, where (P + 1) longest calls are ${mostMs}`,
    }
  }

  #left(call: FairCall): void {
    const party = this.#parts.partyOf(call)
    if (party === undefined) return
    const count = (this.#waiting.get(party) ?? 0) - 1
    this.#waiting.set(party, count)
    if (count === 0) this.#watched = this.#watched.filter(({ parties }) => !parties.includes(party))
  }
}
