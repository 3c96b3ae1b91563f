import type { EffectiveLimit } from './contract.ts'
import { Estimate } from './estimate.ts'
import type { WaitingFor } from './turns/contract.ts'

/** What a lane tells of the calls in its line while nobody orders turns. */
export abstract class LaneOutlook {
  readonly estimate = new Estimate()
  abstract readonly effective: EffectiveLimit
  abstract readonly paused: boolean

  waitingFor(): WaitingFor {
    return this.paused ? 'paused' : 'slot'
  }

  startsInMs(ahead: number): number | undefined {
    return this.paused ? undefined : this.estimate.waitMs(ahead, this.effective.parallel)
  }
}
