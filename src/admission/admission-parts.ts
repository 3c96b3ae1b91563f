import type { Clock } from '../clock.ts'
import type { FairSettings, LaneView, Limits, Runners, Upstream } from './contract.ts'
import type { TurnsParts } from './lanes-in-turns.ts'
import type { AdmissionObserver } from './observer.ts'

/** For where nothing is known of Ollama's models: each name is a runner of its own. */
export const NO_RUNNERS: Runners = { find: () => undefined, complete: false, opened() {} }

export interface AdmissionParts {
  readonly clock: Clock
  readonly observer: AdmissionObserver
  readonly upstream: Upstream
  readonly defaults: Limits
  /** The default number of slots is where `auto` begins: lanes may run fewer calls. */
  readonly auto?: boolean
  /** Limits of single models, by key. A limit that is left out follows the defaults. */
  readonly models?: ReadonlyMap<string, Partial<Limits>>
  /** Which names share a runner. */
  readonly runners?: Runners
  /** How the slots are shared among those that wait. Default: FAIR. */
  readonly fairness?: FairSettings
  /** Bytes of bodies that may be read or wait, all lanes together. */
  readonly maxWaitingBytes: number
  /** 0 ≤ x < 1; spreads the returns of refused clients. */
  readonly random?: () => number
  /** How models that share the machine take turns. Default: no turns. */
  readonly turns?: TurnsParts
  /** Ollama was seen to run another number of calls at once than was known. Must not throw. */
  readonly measured?: (lane: LaneView) => void
}
