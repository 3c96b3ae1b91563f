import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anEngine } from './support.ts'

/**
 * Bursts before a real Ollama (built at f63eea3d2, on two cores): 60 calls of 60 tokens for three tiny models, 3.6 ms
 * from one to the next, in this order. Each character is the model of a call. The loads are counted in Ollama's log.
 */
const RECORDED: readonly [order: string, numParallel: number, maxLoaded: number, loads: number][] = [
  ['aggbbbbabaagbbabaaabaaabbaaggagbgbaaaaaaaaaabgabgbagbagagbaa', 1, 1, 37],
  ['bababgbaaaaaabgbgabgaaggbabaabgbbabaaggaagaaaaaaaagababbabbg', 1, 1, 39],
  ['agaaabagaagagbbaagbabaaabbaagabaabbbbbbgabgabagagbaaabaagaag', 4, 1, 41],
  ['ggggaabbababbbaaaagaabaabaaabggbbagbaaaaggabaagaabbbabgbaaaa', 4, 1, 33],
  ['bbbagabaggabgabaaaaaaaggaagbbaaaaagbaaaagbabaabgaagbbbbabgba', 4, 1, 37],
  ['abbaagbaababbaaaaabaaaggbabaagbggagagabbabgbaagagabgbbbaaaaa', 1, 2, 19],
  ['aaabbgaaabaabbbaggaabaaaaaagagbabgabbaabaagbaagbbaabaaggbggb', 1, 2, 22],
  ['baaaaabggbabaagbgbaaabaaabgggbaaaabgagbgbbggaaabaaaabababaab', 1, 2, 16],
  ['abbbgaggbbagaagaaaaaaaaaabababagbggagabbbbbagbabaaaabgabgaaa', 4, 2, 20],
  ['gaagaaaababgagabbgabbagbbbbaagbggaaaaabaabbagbagaabbgbaaaaaa', 4, 2, 21],
  ['agbgbaabbbagabaabgbbbgaabgaggbabbgaaaaaaaaaagagbaagabbaaaaab', 4, 2, 22],
]

/** The real one: a load took 0.28 s, a call 20 ms, and all calls had come before the first load was over. */
const REAL = { loadMs: 280, outputTokensPerSecond: 3000 }
const GAP_MS = 3.6
/** The models by the first digits of their blobs: of models that are equal otherwise, the first one leaves. */
const WEIGHTS: Readonly<Record<string, string>> = { a: 'c9', b: '3c', g: 'e8' }

function loadsOf(order: Iterable<string>, numParallel: number, maxLoaded: number, gapMs: number): number {
  const { engine, clock } = anEngine({ ...REAL, numParallel, maxLoaded })
  for (const model of order) {
    engine.submit({ model: WEIGHTS[model] ?? assert.fail(model), promptTokens: 0, outputTokens: 60 })
    clock.advance(gapMs)
  }
  clock.advance(200_000)
  assert.equal(engine.counters.total().finished, 60)
  return engine.counters.total().loads
}

describe('a burst over three models', () => {
  for (const [order, numParallel, maxLoaded, loads] of RECORDED) {
    it(`takes the loads of a real Ollama: ${loads} with ${numParallel} slots and ${maxLoaded} models, ${order}`, () => {
      const simulated = loadsOf(order, numParallel, maxLoaded, GAP_MS)
      // In one of these recordings a call overtook another on its way to Ollama.
      assert.ok(Math.abs(simulated - loads) <= 1, `${simulated}`)
    })
  }

  // Calls sent at once reach Ollama in a random order. Real bursts took 32 to 45 loads with one model at a time (18
  // bursts, of 1 or 4 slots: mean 38), and 13 to 25 with two (18 bursts: mean 20).
  for (const [numParallel, maxLoaded, least, most] of [
    [1, 1, 32, 45],
    [4, 1, 32, 45],
    [1, 2, 13, 25],
    [4, 2, 13, 25],
  ] as const) {
    it(`sent at once takes ${least} to ${most} loads with ${numParallel} slots and ${maxLoaded} models`, () => {
      const loads = Array.from({ length: 100 }, (_, seed) =>
        loadsOf(shuffled(seed), numParallel, maxLoaded, 0),
      ).sort((a, b) => a - b)
      const inside = loads.filter((count) => count >= least && count <= most)
      assert.ok(inside.length >= 90, `${inside.length} of 100, from ${loads[0]} to ${loads.at(-1)}`)
    })
  }
})

/** 30, 18 and 12 calls in a random order. */
function shuffled(seed: number): string[] {
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return [...'a'.repeat(30), ...'b'.repeat(18), ...'g'.repeat(12)]
    .map((model) => ({ model, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ model }) => model)
}
