import assert from 'node:assert/strict'
import test from 'node:test'
import { readMemory, sampleMemory, withinContainer } from '../../../src/runtimes/process/memory.ts'
import type { Memory } from '../../../src/telemetry/snapshot.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const GIB = 2 ** 30
const host = { totalBytes: 32 * GIB, availableBytes: 18 * GIB }

test('this machine has memory, and less of it available than there is', async () => {
  const memory = await readMemory()
  assert.ok(memory)
  assert.ok(memory.totalBytes > 2 ** 26)
  assert.ok(memory.availableBytes > 0 && memory.availableBytes <= memory.totalBytes)
})

for (const { when, limitBytes, availableBytes, expected } of [
  { when: 'there is no container', limitBytes: 0, availableBytes: 1 * GIB, expected: host },
  {
    when: 'the container has no limit',
    limitBytes: 18_446_744_073_709_552_000,
    availableBytes: 1 * GIB,
    expected: host,
  },
  {
    when: 'the limit is no less than the host has',
    limitBytes: 32 * GIB,
    availableBytes: 1 * GIB,
    expected: host,
  },
]) {
  test(`the host's memory counts when ${when}`, () => {
    assert.deepEqual(withinContainer(host, { limitBytes, availableBytes }), expected)
  })
}

test("the container's memory counts when it is less", () => {
  assert.deepEqual(withinContainer(host, { limitBytes: 8 * GIB, availableBytes: 6 * GIB }), {
    totalBytes: 8 * GIB,
    availableBytes: 6 * GIB,
  })
})

test('a container cannot have more available than the host has left, nor less than nothing', () => {
  const full = { totalBytes: 32 * GIB, availableBytes: 2 * GIB }
  const container = { limitBytes: 8 * GIB, availableBytes: 6 * GIB }
  assert.equal(withinContainer(full, container)?.availableBytes, 2 * GIB)
  assert.equal(withinContainer(host, { ...container, availableBytes: -1 })?.availableBytes, 0)
})

test('a host that tells nothing is unknown, not empty', () => {
  const container = { limitBytes: 0, availableBytes: 0 }
  assert.equal(withinContainer({ totalBytes: 0, availableBytes: 0 }, container), null)
  assert.equal(withinContainer({ totalBytes: Number.NaN, availableBytes: 1 }, container), null)
})

test('asked often, memory is read once in two seconds and one reading at a time', async () => {
  const clock = new ManualClock()
  let readings = 0
  let finish: (reading: Memory) => void = () => {}
  const sample = sampleMemory(clock, () => {
    readings++
    return new Promise((resolve) => {
      finish = resolve
    })
  })

  const early = [sample(), sample()]
  clock.advance(60_000)
  early.push(sample())
  assert.equal(readings, 1)
  finish(host)
  assert.deepEqual(await Promise.all(early), [host, host, host])

  clock.advance(1_999)
  assert.deepEqual(await sample(), host)
  assert.equal(readings, 1)
  clock.advance(1)
  const late = sample()
  assert.equal(readings, 2)
  finish(null)
  assert.equal(await late, null)
})
