import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OverCall } from '../../src/watchdog/contract.ts'
import { RunnerSpeed } from '../../src/watchdog/runner-speed.ts'
import { anOverCall } from './support/builders.ts'

function speedOf(...calls: Partial<OverCall>[]): RunnerSpeed {
  const speed = new RunnerSpeed()
  for (const call of calls) speed.heard(anOverCall(call), true)
  return speed
}

/** So many equal things. */
const times = (count: number, call: Partial<OverCall>): Partial<OverCall>[] => Array(count).fill(call)
const KIB = 1024
const EMBED = { path: '/api/embed', parts: null, tokensOut: 0, promptMs: 0, evalMs: 0 } as const
/** Answers of OpenAI's routes tell no durations. */
const V1 = { path: '/v1/chat/completions', promptMs: null, evalMs: null } as const

describe('the time for a prompt', () => {
  it('is that of the slowest one, and a faster one changes it little: a cache makes prompts look fast', () => {
    const slow = { promptMs: 4_096, firstByteMs: 4_096, totalMs: 5_096, evalMs: 1_000 }
    const cached = { promptMs: 10, firstByteMs: 10, totalMs: 1_010, evalMs: 1_000 }
    assert.equal(speedOf(slow).promptMs(KIB), 3 * KIB)
    assert.ok(speedOf(slow, ...times(20, cached)).promptMs(KIB) > 0.9 * 3 * KIB)
    assert.equal(speedOf(...times(20, cached), slow).promptMs(KIB), 3 * KIB)
  })

  it('is never less than what the tokens of answers allow, whatever a cache gives', () => {
    // 100 ms a token.
    assert.equal(speedOf(...times(5_000, { promptMs: 1 })).promptMs(3 * KIB), 3 * KIB * 10)
  })

  it('is the slowest that is believed while nothing is known, or only of short bodies and short answers', () => {
    for (const speed of [
      new RunnerSpeed(),
      speedOf({ bytesIn: 200, promptMs: 1 }),
      speedOf({ promptMs: 1, parts: null, tokensOut: 1, evalMs: 1, totalMs: 2 }),
    ])
      assert.equal(speed.promptMs(KIB), 30 * KIB)
  })

  it('is bounded: by ten milliseconds a byte, and a mebibyte', () => {
    assert.equal(speedOf({ promptMs: 1e9, totalMs: 2e9 }).promptMs(KIB), 30 * KIB)
    assert.equal(new RunnerSpeed().promptMs(1e9), new RunnerSpeed().promptMs(KIB * KIB))
  })

  it('is learned from the first bytes where Ollama tells nothing, and from whole calls that embed', () => {
    assert.equal(
      speedOf({ ...V1, sentMs: 1_000, firstByteMs: 41_960, totalMs: 42_960 }).promptMs(KIB),
      30 * KIB,
    )
    assert.equal(speedOf({ ...EMBED, sentMs: 1_000, totalMs: 5_096 }).promptMs(KIB), 3 * KIB)
  })

  it('has no part of a load in it', () => {
    const call = { ...V1, loadMs: 20_000, firstByteMs: 24_096, totalMs: 25_096 }
    assert.equal(speedOf(call).promptMs(KIB), 3 * KIB)
    assert.equal(speedOf({ ...EMBED, loadMs: 20_000, totalMs: 24_096 }).promptMs(KIB), 3 * KIB)
  })
})

describe('the time between two parts', () => {
  it('is twenty times the mean, and a client that reads slowly makes it no longer than that of 15 s', () => {
    assert.equal(speedOf({}).gapMs, 2_000)
    assert.equal(speedOf({ ...V1, parts: 11, totalMs: 11_000 }).gapMs, 20_000)
    assert.equal(speedOf({ ...V1, parts: 11, totalMs: 1e7 }).gapMs, 300_000)
    assert.equal(new RunnerSpeed().gapMs, 0)
  })

  it('follows the newer answers', () => {
    const speed = speedOf(...times(30, { evalMs: 100_000 }), ...times(60, { evalMs: 1_000 }))
    assert.ok(speed.gapMs < 1_500, `${speed.gapMs}`)
  })
})

describe('the time of an answer in one piece', () => {
  it('is half an hour while nothing is known', () => {
    assert.equal(new RunnerSpeed().wholeMs, 1_800_000)
    assert.equal(new RunnerSpeed().toolCallMs, 1_800_000)
  })

  it('is that of a very long answer, at the speed of the streams', () => {
    assert.equal(speedOf({}).wholeMs, 16_384 * 100)
    assert.equal(speedOf({}).toolCallMs, 4_096 * 100)
  })

  it('is twenty times as long as usual where that is more, or where there are no tokens', () => {
    const whole = { parts: null, tokensOut: 20, evalMs: 200, totalMs: 60_000 }
    assert.equal(speedOf(whole).wholeMs, 1_200_000)
    assert.equal(speedOf({ ...EMBED, totalMs: 50 }).wholeMs, 1_000)
  })

  it('takes a token for no slower than two seconds', () => {
    const slow = { ...V1, parts: null, tokensOut: 2_000, totalMs: 4e6 }
    assert.equal(speedOf({ ...slow, totalMs: 8e6 }).toolCallMs, 4_096 * 2_000)
    // Of these, most may be the prompt.
    assert.equal(speedOf({ ...slow, tokensOut: 20 }).toolCallMs, 1_800_000)
  })
})

describe('the time of a load', () => {
  it('is three times that of the slowest, forgotten slowly, and ten minutes while none is known', () => {
    const speed = speedOf()
    assert.deepEqual([speed.reloadMs, speed.loadMs], [600_000, 600_000])
    speed.heard(anOverCall({ loadMs: 60_000, firstByteMs: 61_000, totalMs: 71_000 }), true)
    speed.loaded(5_000)
    assert.ok(speed.loadMs > 160_000 && speed.loadMs === speed.reloadMs, `${speed.loadMs}`)
    for (let i = 0; i < 100; i++) speed.loaded(5_000)
    assert.ok(speed.loadMs < 20_000, `${speed.loadMs}`)
  })

  it('is not that of a call which came in the middle of a load, unless that is longer', () => {
    const speed = speedOf()
    speed.heard(anOverCall({ loadMs: 6_000, totalMs: 17_000 }), false)
    assert.equal(speed.loadMs, 600_000)
    speed.loaded(5_000)
    speed.heard(anOverCall({ loadMs: 6_000, totalMs: 17_000 }), false)
    assert.equal(speed.loadMs, 18_000)
  })

  it('is none for a runner that begins at once after a moment, and says so', () => {
    assert.deepEqual([speedOf({ loadMs: 56 }).reloadMs, speedOf({ loadMs: 56 }).loadMs], [168, 600_000])
  })

  it('may be in the first byte where answers do not tell, after a part for the prompt', () => {
    // 100 ms a token: a prompt of 10 kB takes at least 10 s.
    const heard = (ms: number) => ({ ...V1, bytesIn: 10_000, firstByteMs: ms, totalMs: ms + 10_000 })
    assert.equal(speedOf({}, heard(60_000)).reloadMs, 150_000)
    const speed = speedOf({}, heard(60_000), heard(2_000))
    assert.ok(speed.reloadMs > 135_000 && speed.reloadMs < 150_000, `${speed.reloadMs}`)
    assert.equal(speedOf({}, heard(1e9)).reloadMs, 600_000)
    assert.equal(speedOf({ ...V1, parts: null, tokensOut: 1, totalMs: 90_000 }).reloadMs, 270_000)
  })
})
