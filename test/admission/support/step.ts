import type { Limits } from '../../../src/admission/contract.ts'
import type { Outcome } from '../../../src/admission/observer.ts'

export const MODELS = ['a', 'b', 'c'] as const

/** `pick` values are turned into an index by modulo, so that every step has a meaning at any time. */
export type Step =
  | { readonly kind: 'arrive'; readonly lane: number; readonly patienceMs: number; readonly bytes: number }
  /** Many clients of one lane come at one instant. */
  | { readonly kind: 'crowd'; readonly lane: number; readonly count: number; readonly patienceMs: number }
  | { readonly kind: 'release'; readonly pick: number; readonly outcome: Outcome; readonly loadMs: number }
  | { readonly kind: 'release again'; readonly pick: number }
  | { readonly kind: 'cancel'; readonly pick: number }
  | { readonly kind: 'cancel again'; readonly pick: number }
  /** Many clients of one lane leave: the newest, the oldest or every second one. */
  | { readonly kind: 'abandon'; readonly lane: number; readonly share: number; readonly who: Leavers }
  | { readonly kind: 'advance'; readonly ms: number }
  /** `lane` beyond the models sets the defaults. */
  | { readonly kind: 'limit'; readonly lane: number; readonly change: Partial<Limits> }
  /** `lane` beyond the models means all. */
  | { readonly kind: 'pause'; readonly lane: number; readonly paused: boolean }
  /** Ollama dies: all that runs is released as failed at one instant. */
  | { readonly kind: 'crash' }
  | { readonly kind: 'close' }

export type Leavers = 'newest' | 'oldest' | 'every second'

export const OUTCOMES: readonly Outcome[] = ['done', 'failed', 'cancelled', 'timed_out']
export const LEAVERS: readonly Leavers[] = ['newest', 'oldest', 'every second']
export const PARALLEL_LIMITS = [0, 1, 2, 3, 8, Number.POSITIVE_INFINITY]
export const QUEUE_LIMITS = [0, 1, 5, 40, 200]

/** Steps drawn from `random` (0 ≤ x < 1) for runs too long for a shrinking generator. Never closes. */
export function drawStep(random: () => number): Step {
  const below = (end: number) => Math.floor(random() * end)
  const lane = below(MODELS.length)
  const pick = below(1_000_000)
  const roll = random()
  if (roll < 0.52)
    return { kind: 'arrive', lane, patienceMs: below(100) < 3 ? 0 : below(20_000), bytes: below(100) }
  if (roll < 0.7) {
    return {
      kind: 'release',
      pick,
      outcome: OUTCOMES[below(4)] ?? 'done',
      loadMs: below(4) === 0 ? below(500) : 0,
    }
  }
  if (roll < 0.74) return { kind: 'release again', pick }
  if (roll < 0.84) return { kind: 'cancel', pick }
  if (roll < 0.86) return { kind: 'cancel again', pick }
  if (roll < 0.865) return { kind: 'abandon', lane, share: random(), who: LEAVERS[below(3)] ?? 'newest' }
  if (roll < 0.87) return { kind: 'crowd', lane, count: below(100), patienceMs: below(20_000) }
  if (roll < 0.98) return { kind: 'advance', ms: below(20) === 0 ? below(5_000) : below(100) }
  if (roll < 0.999) return { kind: 'limit', lane: below(MODELS.length + 1), change: drawLimits(random) }
  if (roll < 0.9995) return { kind: 'crash' }
  return { kind: 'pause', lane: below(MODELS.length + 1), paused: below(3) === 0 }
}

function drawLimits(random: () => number): Partial<Limits> {
  const parallel = PARALLEL_LIMITS[Math.floor(random() * PARALLEL_LIMITS.length)] ?? 1
  const queue = QUEUE_LIMITS[Math.floor(random() * QUEUE_LIMITS.length)] ?? 1
  const roll = random()
  if (roll < 0.5) return { parallel }
  return roll < 0.8 ? { queue } : { parallel, queue }
}
