import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LOOK_MS } from '../../src/watchdog/watchdog.ts'
import { Random } from '../admission/turns/support/random.ts'
import { MINUTE, MODEL } from './support/builders.ts'
import { MOST_TOKENS, type Setting, SlowOllama } from './support/slow-ollama.ts'

/** Settings that are played. Twelve thousand of them take four minutes. */
const SETTINGS = Number(process.env.WATCHDOG_SETTINGS ?? 150)
const CALLS = 60
/** So many answers tell enough of a runner. */
const LEARNED = 10
const NEVER = Number.POSITIVE_INFINITY

/** A slow machine, used in one of many ways. */
function aSetting(random: Random): Setting {
  const slots = random.of(1, 2, 4)
  return {
    slots,
    parallel: random.chance(0.3) ? slots * 2 : slots,
    promptRate: 60 + random.below(340),
    outputRate: 4 + random.below(17),
    slowdown: random.of(0, 0.2, 0.6),
    loadMs: random.of(0, 10_000, 90_000),
    keepAliveMs: random.of(0, 60_000, 300_000),
    whole: random.of(0, 0.3, 1),
    v1: random.of(0, 0.5, 1),
    leaving: random.of(0, 0.1),
    giant: random.of(0, 0.02, 0.1),
    firstByteMs: random.of(NEVER, NEVER, 300_000),
    load: random.of(0.3, 0.8, 2),
  }
}

/**
 * Milliseconds within which a work loop that has died is found, from the facts of the machine: two looks, a minute, three
 * times the prompts and the load, and the longest answer in one piece. `bytes`: of the prompts that Ollama has.
 */
function boundMs(setting: Setting, ollama: SlowOllama, bytes: number): number {
  const { loadMs, outputRate, promptRate, slots, slowdown, v1, whole } = setting
  const leastMs = 2 * LOOK_MS + MINUTE
  const unknownMs = 30 * bytes + 600_000 + (whole > 0 ? 1_800_000 : 0)
  const slower = 1 + slowdown * (slots - 1)
  const tokenMs = (1_000 * slower) / outputRate
  // Four bytes a token.
  const readMs = v1 > 0 ? 10 : (1_000 * slower) / promptRate / 4
  // On OpenAI's routes up to a half of such an answer may be its prompt.
  const longestMs = 16_384 * tokenMs * (v1 > 0 ? 2 : 1)
  const wholeMs = whole > 0 ? Math.max(20 * ollama.longestMs, longestMs) : 0
  const load = loadMs > 0 && v1 === 0 ? 3 * loadMs : 600_000
  const knownMs = 3 * bytes * Math.max(readMs, tokenMs / 30) + load + wholeMs
  return leastMs + (ollama.ends.done < LEARNED ? Math.max(knownMs, unknownMs) : knownMs)
}

describe('the Azure trace on a slow Ollama', () => {
  it('raises no false alarm, with prompts of up to 128k tokens, streams and answers in one piece', () => {
    let done = 0
    for (let seed = 1; seed <= SETTINGS; seed++) {
      const random = new Random(seed)
      const setting = aSetting(random)
      const ollama = new SlowOllama(setting)
      const arrivingMs = ollama.plan(random, CALLS)
      ollama.clock.advance(arrivingMs + 60 * MINUTE)
      assert.deepEqual(ollama.found, [], `seed ${seed}: ${JSON.stringify(setting)}`)
      done += ollama.ends.done
    }
    assert.ok(done > SETTINGS * CALLS * 0.7, `${done} calls were served`)
  })

  it('is found to hang within its bound, at whatever moment, and is served again afterwards', () => {
    let hangs = 0
    for (let seed = 1; seed <= SETTINGS; seed++) {
      const random = new Random(seed)
      const any = aSetting(random)
      // Clients that go on leaving hide what they waited for, and so do deadlines that a prompt explains. Where answers do
      // not tell, loads and the wait for a place inside Ollama look like long answers, and then a hang is found late.
      const loadMs = any.whole > 0 && any.v1 > 0 ? 0 : any.loadMs
      const setting = { ...any, loadMs, parallel: any.slots, leaving: 0, firstByteMs: NEVER }
      const told = `seed ${seed}: ${JSON.stringify(setting)}`
      const ollama = new SlowOllama(setting)
      const { clock, engine } = ollama
      const arrivingMs = ollama.plan(random, CALLS)
      clock.advance(arrivingMs * (0.3 + random.next() / 2))
      engine.hangs.set(MODEL, 'generation')
      const hungAt = clock.now()
      // Where nothing runs, the next call is the first that can show it.
      while (ollama.running.length === 0 && clock.now() < hungAt + arrivingMs) clock.advance(1_000)
      // The hang ended with a runner that had left memory.
      if (!engine.hangs.has(MODEL, 'generation') || ollama.running.length === 0) continue
      hangs++
      const from = clock.now()
      while (ollama.found.length === 0 && clock.now() < from + 24 * 60 * MINUTE) clock.advance(LOOK_MS)
      const bytes = ollama.running.reduce((sum, { promptBytes }) => sum + Math.min(promptBytes, 2 ** 20), 0)
      const bound = boundMs(setting, ollama, bytes)
      const tookMs = (ollama.found[0]?.foundAt ?? NEVER) - from
      assert.ok(tookMs <= bound, `found after ${tookMs / 1_000} s, the bound is ${bound / 1_000} s, ${told}`)
      engine.hangs.set(MODEL, undefined)
      // A probe may wait inside Ollama behind a giant prompt.
      const giantMs = (1_000 * MOST_TOKENS * (1 + setting.slowdown * 3)) / setting.promptRate
      clock.advance(MINUTE + 10_000 + LOOK_MS + setting.loadMs + giantMs)
      assert.equal(ollama.over.length, 1, told)
      clock.advance(arrivingMs + 120 * MINUTE)
      assert.equal(ollama.found.length, 1, told)
      assert.ok(ollama.ends.done > CALLS / 3, `${JSON.stringify(ollama.ends)} ${told}`)
    }
    assert.ok(hangs > SETTINGS * 0.7, `${hangs} hangs`)
  })
})
