import type { LocalPermit } from './local-permit.ts'

/** More ends than this within the life of one call are too many to tell which calls ran beside it. */
const REMEMBERED = 128

interface End {
  readonly grantNumber: number
  readonly slots: number
  /** Clock milliseconds at which the runner began with the call; undefined where its answer did not tell. */
  readonly beganAt: number | undefined
  /** Clock milliseconds. */
  readonly endedAt: number
  /** Number of the last grant before the end. */
  readonly lastGrant: number
}

/** The last calls of a lane that ended. Tells which calls ran beside another one, at any moment of its life. */
export class RecentEnds {
  readonly #ends: End[] = []
  #count = 0

  /**
   * The slots of other calls that were granted before `permit` and were running at a moment of its life. A call that was
   * granted before and is not over counts as running. Undefined when too many calls ended since the grant.
   */
  runningAt({ beside, grantNumber }: LocalPermit, at: number): number | undefined {
    let running = beside
    for (let index = this.#count - 1; index >= 0; index--) {
      if (this.#count - index > REMEMBERED) return undefined
      const end = this.#ends[index % REMEMBERED]
      if (end === undefined || end.lastGrant < grantNumber) break
      if (end.grantNumber > grantNumber) continue
      const isOver = end.endedAt <= at
      const isYetToBegin = end.beganAt !== undefined && end.beganAt >= at
      if (isOver || isYetToBegin) running -= end.slots
    }
    return running
  }

  /** Whether one of the remembered calls ended at about this moment. */
  endedNear(at: number, withinMs: number): boolean {
    return this.#ends.some(({ endedAt }) => Math.abs(endedAt - at) <= withinMs)
  }

  /** `lastGrant`: number of the last grant before the end. */
  add({ grantNumber, slots }: LocalPermit, beganAt: number | undefined, endedAt: number, lastGrant: number) {
    this.#ends[this.#count % REMEMBERED] = { grantNumber, slots, beganAt, endedAt, lastGrant }
    this.#count++
  }
}
