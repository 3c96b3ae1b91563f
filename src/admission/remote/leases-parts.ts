import type { Clock } from '../../clock.ts'
import type { FairSettings, LaneView, Limits, Runners, Upstream } from '../contract.ts'
import type { TurnsParts } from '../lanes-in-turns.ts'
import type { AdmissionObserver } from '../observer.ts'
import type { LeaseBudgets } from './lease-budgets.ts'
import type { LeaseStore } from './lease-store.ts'

export interface LeasesParts {
  readonly clock: Clock
  readonly observer: AdmissionObserver
  readonly upstream: Upstream
  /** In force where no admin has set other limits. */
  readonly defaults: Limits
  /** The default number of slots is where `auto` begins. */
  readonly auto: boolean
  readonly runners?: Runners
  readonly fairness?: FairSettings
  readonly turns: TurnsParts
  readonly maxWaitingBytes: number
  readonly store: LeaseStore
  readonly budgets: LeaseBudgets
  readonly random?: () => number
  /** Ollama was seen to run another number of calls at once than was known. Must not throw. */
  readonly measured?: (lane: LaneView) => void
}
