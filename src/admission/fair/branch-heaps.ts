import { Heap } from '../heap.ts'

/** A branch of a line, as far as its place among others depends on the branch. */
interface OrderedBranch {
  /** What its share has got. */
  readonly key: number
  /** Number of the oldest call, or of one that was the oldest and has left. */
  readonly rank: number
  readonly oldest: object | undefined
  orderPlace: number
  agePlace: number
  /** False: its oldest call has left, and its place is corrected now. */
  isUpToDate(): boolean
}

/** The branch whose share has got least comes first; among equals, the one with the oldest call. */
export class Order<B extends OrderedBranch> extends Heap<B> {
  protected override isBefore(a: B, b: B): boolean {
    const difference = a.key - b.key
    return difference === 0 ? a.rank < b.rank : difference < 0
  }

  protected override placeOf(branch: B): number {
    return branch.orderPlace
  }

  protected override put(branch: B, place: number): void {
    branch.orderPlace = place
  }

  /** The branch that comes first. */
  next(): B | undefined {
    return upToDate(this)
  }
}

/** The branch with the oldest call comes first. */
export class Ages<B extends OrderedBranch> extends Heap<B> {
  protected override isBefore(a: B, b: B): boolean {
    return a.rank < b.rank
  }

  protected override placeOf(branch: B): number {
    return branch.agePlace
  }

  protected override put(branch: B, place: number): void {
    branch.agePlace = place
  }

  /** The oldest call. */
  oldest(): B['oldest'] {
    return upToDate(this)?.oldest
  }
}

/** Oldest calls leave unnoticed. A branch that seems to have an older call than it has comes too early, never too late. */
function upToDate<B extends OrderedBranch>(heap: Heap<B>): B | undefined {
  for (;;) {
    const { first } = heap
    if (first === undefined || first.isUpToDate()) return first
  }
}
