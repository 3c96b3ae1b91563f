import type { FairSettings } from '../admission/contract.ts'
import type { Percentiles } from '../admission/observer.ts'
import { CALL_CLASSES, type CallClass } from '../callers/caller.ts'
import type { Clock } from '../clock.ts'
import type { FinishedCall } from '../relay/contract.ts'
import type { LiveCall } from '../relay/live-call.ts'
import { RecentSlotTime, type SlotTime } from './recent-slot-time.ts'
import { RecentTimes } from './recent-times.ts'

/** A call that is over, as far as shares have to know it. */
export interface PastCall extends Pick<FinishedCall, 'caller' | 'key' | 'class' | 'slots' | 'slotMs'> {
  /** Milliseconds in line; null where `waited` tells them. */
  readonly waitMs: number | null
}

/** A call that is not over, as far as shares have to know it. */
export type PresentCall = Pick<LiveCall, 'caller' | 'class' | 'state' | 'slots' | 'slotMs'>

/** A shorter time in line is no wait: the call was refused when it came. */
const SHORTEST_WAIT_MS = 1

/** What one caller, or one class, had of the last five minutes. */
interface SlotShare {
  readonly slotMs: number
  /** The part of the slot-time of all: 0 to 1. */
  readonly share: number
}

/** One class at a moment. */
export interface ClassShare extends SlotShare {
  readonly weight: number
  /** Calls that hold slots. */
  readonly active: number
  /** Calls in line. */
  readonly queued: number
  /** Of the calls that ended in the last five minutes. */
  readonly waitMs: Percentiles
}

/** How the slots were shared in the last five minutes. */
export interface SharesNow {
  /** The callers that had calls in line or in slots, by Caller.id. */
  readonly callers: ReadonlyMap<string, SlotShare>
  readonly classes: Readonly<Record<CallClass, ClassShare>>
  readonly settings: FairSettings
  /** Jain's index over the callers, of slot-time divided by weight: 1 where all had the same. */
  readonly jain: number
}

interface SharesParts {
  readonly clock: Pick<Clock, 'now'>
  /** The calls that are not over. */
  readonly open: () => Iterable<PresentCall>
  /** In force. */
  readonly settings: () => FairSettings
  /** The weight of a caller beside others of its class. `id`: Caller.id. */
  readonly weightOf: (id: string) => number
}

/** Who had how much slot-time in the last five minutes. Calls that are not over count, too. */
export class Shares {
  readonly #parts: SharesParts
  readonly #callers = new RecentSlotTime()
  readonly #classes = new RecentSlotTime()
  readonly #waits = eachClass(() => new RecentTimes())

  constructor(parts: SharesParts) {
    this.#parts = parts
  }

  /** A call is over just now. */
  ended(call: PastCall): void {
    const { caller, key, class: of, slots, slotMs, waitMs } = call
    if (slots === 0 && (waitMs ?? 0) < SHORTEST_WAIT_MS) return
    const now = this.#parts.clock.now()
    const held = { slots, heldMs: slots === 0 ? 0 : slotMs / slots, to: now }
    this.#callers.add(caller, held, key !== null)
    this.#classes.add(of, held, true)
    if (waitMs !== null) this.waited(of, waitMs)
  }

  /** A call of this class has waited. */
  waited(of: CallClass, waitMs: number): void {
    this.#waits[of].record(waitMs, this.#parts.clock.now())
  }

  now(): SharesNow {
    const { clock, open, settings, weightOf } = this.#parts
    const now = clock.now()
    // A call whose body is still read neither waits nor runs.
    const calls = [...open()].filter(({ state }) => state !== 'reading')
    const held = calls.map(({ slots, slotMs }) => ({
      slots,
      heldMs: slots === 0 ? 0 : slotMs / slots,
      to: now,
    }))
    const by = (nameOf: (call: PresentCall) => string) =>
      calls.map((call, at) => [nameOf(call), held[at] ?? NOTHING] as const)
    const callers = sharesOf(
      this.#callers.at(
        now,
        by(({ caller }) => caller),
      ),
    )
    const classes = sharesOf(
      this.#classes.at(
        now,
        by((call) => call.class),
      ),
    )
    const fair = settings()
    return {
      callers,
      settings: fair,
      classes: eachClass((name) => ({
        ...(classes.get(name) ?? { slotMs: 0, share: 0 }),
        weight: fair.weights[name],
        active: calls.filter((call) => call.class === name && call.state === 'running').length,
        queued: calls.filter((call) => call.class === name && call.state === 'waiting').length,
        waitMs: this.#waits[name].at(now),
      })),
      jain: jainOf(Array.from(callers, ([id, { slotMs }]) => slotMs / weightOf(id))),
    }
  }
}

const NOTHING = { slots: 0, heldMs: 0, to: 0 }

function eachClass<V>(make: (name: CallClass) => V): Record<CallClass, V> {
  return Object.fromEntries(CALL_CLASSES.map((name) => [name, make(name)])) as Record<CallClass, V>
}

function sharesOf({ byName, totalMs }: SlotTime): ReadonlyMap<string, SlotShare> {
  const shareOf = (slotMs: number) => ({ slotMs, share: totalMs > 0 ? slotMs / totalMs : 0 })
  return new Map(Array.from(byName, ([name, slotMs]) => [name, shareOf(slotMs)]))
}

/** (sum x)² / (n · sum x²): 1 where all figures are equal, 1/n where one has all. */
function jainOf(figures: readonly number[]): number {
  let sum = 0
  let squares = 0
  for (const figure of figures) {
    sum += figure
    squares += figure * figure
  }
  return squares === 0 ? 1 : (sum * sum) / (figures.length * squares)
}
