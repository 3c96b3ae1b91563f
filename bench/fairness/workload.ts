import type { CallClass } from '../../src/callers/caller.ts'
import { seeded } from '../support/admission-random.ts'
import type { Arrival } from '../support/trace.ts'

/** Tokens of one call, which decide how long the call holds a slot. */
export type Tokens = Pick<Arrival, 'promptTokens' | 'outputTokens'>

/** Draws the tokens of a caller's next call. */
export type Lengths = (random: () => number) => Tokens

/**
 * How the calls of one caller come. inFlight: the caller sends a call for each answer, so that this many are always
 * under way. everyMs: calls come by chance, so far apart on average. arrivals: calls come as recorded.
 */
type Pace =
  | { readonly inFlight: number; readonly lengths: Lengths }
  | { readonly everyMs: number; readonly lengths: Lengths }
  | { readonly arrivals: readonly Arrival[] }

/** One caller of a workload. */
export interface Sender {
  readonly name: string
  /** Default: 1. */
  readonly weight?: number
  /** Default: normal. */
  readonly class?: CallClass
  readonly pace: Pace
}

/** The machine that the callers share. */
export interface SharedSlots {
  readonly slots: number
  /** Tokens a second of a slot, while no other slot computes. */
  readonly promptRate: number
  readonly outputRate: number
  /** As the simulator's: how much each other slot that computes slows a slot down. */
  readonly slowdown: number
}

/** Callers that share the slots of one model. */
export interface SharingWorkload {
  readonly name: string
  readonly machine: SharedSlots
  /** Slots that calls of the class batch never take. */
  readonly reserve: number
  readonly senders: readonly Sender[]
  readonly runMs: number
  /** The part of the run, from its begin, that the picture shows. Default: none. */
  readonly drawnMs?: number
}

/** One call. */
export interface SentCall extends Tokens {
  readonly sender: Sender
  /** Clock milliseconds. */
  readonly atMs: number
}

/** Any number that is not small: the generator's first draws for small seeds are all small. */
const SEED_STEP = 104_729

/**
 * The numbers of one caller. Each caller has its own, so that the tokens of a caller's n-th call are the same for each
 * contestant, in whatever order the calls are served.
 */
export function numbersOf(index: number): () => number {
  return seeded(SEED_STEP * (index + 1))
}
