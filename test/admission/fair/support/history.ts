import type { Limits } from '../../../../src/admission/contract.ts'
import type { Outcome } from '../../../../src/admission/observer.ts'
import { CALL_CLASSES, type CallClass, type CallerLimits } from '../../../../src/callers/caller.ts'
import { Random } from '../../turns/support/random.ts'

/**
 * Whose calls a recorded history has. `one`: of everybody, who is one caller. `capped`: of one caller with a limit of
 * running calls. `many`: of six callers, of which some have limits, in all classes.
 */
export const SCENES = ['one', 'capped', 'many'] as const
export type Scene = (typeof SCENES)[number]

/** `pick` becomes an index by modulo, so that each event has a meaning at any time. */
export type HistoryEvent =
  | {
      readonly kind: 'arrive'
      readonly count: number
      readonly name: string
      readonly caller: number
      readonly class: CallClass
      readonly user: string | undefined
      readonly patienceMs: number
      readonly bytes: number
      readonly slots: number
      readonly work: 'run' | 'load' | 'unload'
      /** The client has left when the slot comes. */
      readonly isGone: boolean
    }
  | { readonly kind: 'release'; readonly pick: number; readonly outcome: Outcome; readonly loadMs: number }
  | { readonly kind: 'cancel'; readonly pick: number }
  | { readonly kind: 'advance'; readonly ms: number }
  /** `name`: `*` sets the defaults. */
  | { readonly kind: 'limit'; readonly name: string; readonly change: Partial<Limits> }
  | { readonly kind: 'pause'; readonly name: string; readonly paused: boolean }
  | { readonly kind: 'limit caller'; readonly caller: number; readonly limits: CallerLimits }
  /** The figures of a model start again from zero. */
  | { readonly kind: 'reset'; readonly name: string }
  /** Ollama was restarted. */
  | { readonly kind: 'restart' }

export interface History {
  readonly scene: Scene
  readonly seed: number
  readonly defaults: Limits
  readonly maxWaitingBytes: number
  /** The runner of each name. */
  readonly runners: ReadonlyMap<string, string>
  readonly callers: readonly CallerLimits[]
  readonly events: readonly HistoryEvent[]
}

/** Events of a recorded history. */
export const EVENTS = 400
const FREE = Number.POSITIVE_INFINITY
const SIX = 6

/** The same scene and seed give the same history on every machine. */
export function historyOf(scene: Scene, seed: number): History {
  const random = new Random(seed * 1_000 + SCENES.indexOf(scene))
  const runners = new Map([
    ['a', 'first'],
    ['b', 'first'],
    ['c', 'first'],
  ])
  if (scene === 'many') runners.set('c', 'second').set('d', 'second')
  const names = [...runners.keys()]
  const callers = Array.from({ length: scene === 'many' ? SIX : 1 }, () => callerLimits(random, scene))
  const defaults = { parallel: random.of(1, 1, 2, 4, 8), queue: random.of(0, 3, 12, 60, 512) }
  const maxWaitingBytes = random.of(600, 3_000, 1e9)
  // Some systems are idle now and then, and some never are.
  const arriving = random.of(0.25, 0.4, 0.5)
  const events = Array.from({ length: EVENTS }, () => eventOf(random, scene, names, arriving))
  return { scene, seed, defaults, maxWaitingBytes, runners, callers, events }
}

function eventOf(random: Random, scene: Scene, names: readonly string[], arriving: number): HistoryEvent {
  const name = random.from(names) ?? 'a'
  const roll = random.next()
  if (roll < arriving) return arrivalOf(random, scene, name)
  const other = random.next()
  const pick = random.below(1_000_000)
  if (other < 0.45)
    return {
      kind: 'release',
      pick,
      outcome: random.of<Outcome>('done', 'done', 'done', 'failed', 'cancelled', 'timed_out'),
      loadMs: random.chance(0.2) ? random.below(800) : 0,
    }
  if (other < 0.53) return { kind: 'cancel', pick }
  if (other < 0.92)
    return { kind: 'advance', ms: random.chance(0.1) ? random.below(9_000) : random.below(400) }
  const wide = random.chance(0.3) ? '*' : name
  if (other < 0.95) return { kind: 'limit', name: wide, change: limitsOf(random) }
  if (other < 0.97) return { kind: 'pause', name: wide, paused: random.chance(0.35) }
  if (other < 0.985 && scene !== 'one')
    return { kind: 'limit caller', caller: random.below(SIX), limits: callerLimits(random, scene) }
  return random.chance(0.6) ? { kind: 'reset', name } : { kind: 'restart' }
}

function arrivalOf(random: Random, scene: Scene, name: string): HistoryEvent {
  const work = random.chance(0.94) ? 'run' : random.of<'load' | 'unload'>('load', 'unload')
  return {
    kind: 'arrive',
    count: random.chance(0.06) ? 2 + random.below(20) : 1,
    name,
    // Half of all calls come from one caller.
    caller: random.chance(0.5) ? 0 : random.below(SIX),
    class: scene === 'many' ? random.of(...CALL_CLASSES) : 'normal',
    user: scene === 'many' && random.chance(0.3) ? `user ${random.below(3)}` : undefined,
    patienceMs: random.chance(0.02) ? 0 : random.chance(0.5) ? random.below(8_000) : 1e8,
    bytes: random.below(60),
    slots: work !== 'run' ? 0 : random.chance(0.9) ? 1 : 2 + random.below(3),
    work,
    isGone: random.chance(0.03),
  }
}

function limitsOf(random: Random): Partial<Limits> {
  const parallel = random.of(0, 1, 2, 3, 6, FREE)
  const queue = random.of(0, 2, 10, 60, 512)
  return random.of<Partial<Limits>>({ parallel }, { parallel }, { queue }, { parallel, queue })
}

function callerLimits(random: Random, scene: Scene): CallerLimits {
  if (scene === 'one') return { parallel: FREE, queue: FREE }
  const parallel = scene === 'capped' ? random.of(1, 1, 2, 3) : random.of(FREE, FREE, 1, 2, 3, 0)
  return { parallel, queue: random.of(FREE, FREE, 2, 10) }
}
