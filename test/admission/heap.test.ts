import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Heap } from '../../src/admission/heap.ts'
import { Random } from './turns/support/random.ts'

interface Ranked {
  rank: number
  heapIndex: number
}

class ByRank extends Heap<Ranked> {
  protected override isBefore(a: Ranked, b: Ranked): boolean {
    return a.rank < b.rank
  }

  protected override placeOf({ heapIndex }: Ranked): number {
    return heapIndex
  }

  protected override put(member: Ranked, place: number): void {
    member.heapIndex = place
  }
}

describe('a heap', () => {
  it('has the lowest rank first, whatever comes, goes and changes', () => {
    const random = new Random(1)
    const heap = new ByRank()
    const members: Ranked[] = []
    for (let step = 0; step < 20_000; step++) {
      const roll = random.next()
      const picked = random.from(members)
      if (roll < 0.4 || picked === undefined) {
        const member = { rank: random.below(1_000), heapIndex: -1 }
        members.push(member)
        heap.add(member)
      } else if (roll < 0.7) {
        picked.rank = random.below(1_000)
        heap.moved(picked)
      } else {
        heap.remove(picked)
        members.splice(members.indexOf(picked), 1)
        assert.equal(picked.heapIndex, -1)
      }
      const lowest = Math.min(...members.map(({ rank }) => rank))
      assert.equal(heap.first?.rank ?? Number.POSITIVE_INFINITY, lowest)
    }
    assert.ok(members.length > 100)
  })
})
