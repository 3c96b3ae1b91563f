import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Crowd } from '../../../src/runtimes/bun/crowd.ts'
import { clientRoom } from '../../../src/runtimes/process/descriptors.ts'

const LIMIT = 1_024
const ROOM = clientRoom(LIMIT, 0)

/** A process with so many descriptors; `counts`: how often they were counted. */
function aCrowd(limit: number, open: number) {
  const house = { open, counts: 0 }
  const crowd = new Crowd(limit, () => {
    house.counts++
    return house.open
  })
  return { house, crowd }
}

describe('a crowd of connections', () => {
  it('is pressed once there is no room for more, and no longer when there is again', () => {
    const { house, crowd } = aCrowd(LIMIT, ROOM - 1)
    assert.equal(crowd.pressed, false)
    house.open = ROOM
    const answers = Array.from({ length: 20 }, () => crowd.pressed)
    assert.equal(answers.at(-1), true)
    house.open = 10
    const later = Array.from({ length: 20 }, () => crowd.pressed)
    assert.equal(later.at(-1), false)
  })

  it('is noticed in time, though every answer leaves a connection behind', () => {
    const { house, crowd } = aCrowd(LIMIT, 10)
    while (house.open < LIMIT && !crowd.pressed) house.open++
    assert.ok(house.open <= ROOM + 20, `at ${house.open} of ${LIMIT}`)
  })

  it('is counted seldom while there is room', () => {
    const { house, crowd } = aCrowd(20_000, 100)
    for (let answer = 0; answer < 100_000; answer++) assert.equal(crowd.pressed, false)
    assert.ok(house.counts <= 14, `counted ${house.counts} times`)
  })

  it('is never counted without a limit', () => {
    const { house, crowd } = aCrowd(Number.POSITIVE_INFINITY, 1e6)
    assert.equal(crowd.pressed, false)
    assert.equal(house.counts, 0)
  })
})
