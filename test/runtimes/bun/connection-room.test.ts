import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConnectionRoom } from '../../../src/runtimes/bun/connection-room.ts'
import { clientRoom } from '../../../src/runtimes/process/descriptors.ts'

const LIMIT = 1_024
const ROOM = clientRoom(LIMIT, 0)

/** A process with `open` descriptors. `counts`: how often the descriptors were counted. */
function withDescriptors(limit: number, open: number) {
  const process = { open, counts: 0 }
  const connections = new ConnectionRoom(limit, () => {
    process.counts++
    return process.open
  })
  return { process, connections }
}

describe('the room for connections', () => {
  it('is full once there is no room for more, and no longer when there is again', () => {
    const { process, connections } = withDescriptors(LIMIT, ROOM - 1)
    assert.equal(connections.full, false)
    process.open = ROOM
    const answers = Array.from({ length: 20 }, () => connections.full)
    assert.equal(answers.at(-1), true)
    process.open = 10
    const later = Array.from({ length: 20 }, () => connections.full)
    assert.equal(later.at(-1), false)
  })

  it('is found full in time, though every answer leaves a connection behind', () => {
    const { process, connections } = withDescriptors(LIMIT, 10)
    while (process.open < LIMIT && !connections.full) process.open++
    assert.ok(process.open <= ROOM + 20, `at ${process.open} of ${LIMIT}`)
  })

  it('is counted seldom while there is room', () => {
    const { process, connections } = withDescriptors(20_000, 100)
    for (let answer = 0; answer < 100_000; answer++) assert.equal(connections.full, false)
    assert.ok(process.counts <= 14, `counted ${process.counts} times`)
  })

  it('is never counted without a limit', () => {
    const { process, connections } = withDescriptors(Number.POSITIVE_INFINITY, 1e6)
    assert.equal(connections.full, false)
    assert.equal(process.counts, 0)
  })
})
