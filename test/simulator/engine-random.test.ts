import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { EngineHandle } from '../../src/simulator/engine-call.ts'
import { inventModel } from '../../src/simulator/model-spec.ts'
import { requestRunner } from '../../src/simulator/runner-request.ts'
import { anEngine } from './support.ts'

const STEPS = 20_000
/** Two of the models fit together, but not each two. */
const MEMORY_BYTES = 6e9

/** Each seed is another mix of machine and calls. */
for (const seed of [1, 2, 3, 4]) {
  it(`loses no call, slot or timer in a random mix of all that can happen, seed ${seed}`, () => {
    let state = seed
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    }
    const below = (bound: number) => Math.floor(random() * bound)
    const { engine, clock } = anEngine({
      numParallel: 1 + seed,
      maxLoaded: 1 + (seed % 2),
      maxQueue: 20,
      loadMs: 300,
      keepAliveMs: 2000,
      slowdown: 0.2,
      overheadMs: seed % 2 === 0 ? 0 : 3,
      abortLingerMs: seed > 2 ? 0 : 100,
      memoryBytes: MEMORY_BYTES,
      vramReturnMs: seed % 2 === 0 ? 400 : 0,
    })
    const models = ['llama3.2', 'mistral', 'all-minilm', 'gemma3-mlx'].map((name) => inventModel({ name }, 0))
    const pauses = seed < 3
    const handles: EngineHandle[] = []
    let done = 0
    const submit = () => {
      const model = models[below(models.length)] ?? assert.fail()
      const num_ctx = random() < 0.9 ? 4096 : 2048
      const inputs = random() < 0.2 ? Array.from({ length: 1 + below(6) }, () => below(20)) : undefined
      const handle = engine.submit({
        // Two names share the weights.
        model: random() < 0.5 ? model.name : `copy of ${model.name}`,
        runner: random() < 0.05 ? 'cloud' : requestRunner(model, new Map([['num_ctx', num_ctx]])),
        promptTokens: inputs ? inputs.reduce((sum, tokens) => sum + tokens, 0) : below(50),
        outputTokens: inputs ? 0 : below(20),
        ...(inputs ? { inputs } : {}),
        loadOnly: !inputs && random() < 0.1,
        keepAliveMs: random() < 0.1 ? below(3) * 500 : undefined,
        ...(random() < 0.3 ? { onToken: () => {} } : {}),
        onDone: ({ totalMs, loadMs, waitMs, promptMs, outputMs }) => {
          done++
          const parts = loadMs + waitMs + promptMs + outputMs
          assert.ok(Math.min(loadMs, waitMs, promptMs, outputMs) >= -1e-6)
          // The rest is the overhead, and the pauses.
          const isPlain = pauses || totalMs - parts < 3 + 1e-6
          assert.ok(totalMs - parts > -1e-6 && isPlain, `${totalMs} is not ${parts}`)
        },
      })
      if (handle) handles[below(50)] = handle
    }
    for (let step = 0; step < STEPS; step++) {
      clock.advance(random() * 120)
      submit()
      if (random() < 0.2) handles[below(50)]?.cancel()
      if (random() < 0.05) handles[below(50)]?.fail()
      if (pauses && random() < 0.05) handles[below(50)]?.pause()
      if (random() < 0.2) for (const handle of handles) handle?.resume()
      if (random() < 0.02) engine.unload(engine.loaded()[0]?.key ?? '')
      if (random() < 0.002) engine.restart(1 + below(5))
      if (random() < 0.01) {
        const fault = {
          kind: random() < 0.8 ? 'oom' : 'crash',
          times: 1 + below(3),
          beside: random() < 0.5,
        } as const
        engine.loadFaults.set(models[below(models.length)]?.weights ?? '', fault)
      }
      const { active, waiting, pending } = engine.counters.total()
      assert.ok(Math.min(active, waiting, pending) >= 0)
      assert.ok(active <= engine.loaded().reduce((sum, { slots }) => sum + slots, 0))
      assert.ok(engine.loaded().length <= 2)
      const bytes = engine.loaded().reduce((sum, { graphicsBytes }) => sum + graphicsBytes, 0)
      assert.ok(bytes <= MEMORY_BYTES)
    }
    for (const handle of handles) handle?.resume()
    clock.advance(24 * 3_600_000)
    const { total, models: names, weights } = engine.snapshot()
    const { submitted, finished, aborted, failed, refused, active, waiting, pending } = total
    assert.deepEqual([active, waiting, pending, clock.pending], [0, 0, 0, 0])
    assert.equal(submitted, STEPS)
    assert.equal(finished, done)
    assert.equal(finished + aborted + failed + refused, STEPS)
    assert.ok(Math.min(aborted, failed, refused, finished, total.loads) > 50)
    assert.ok(Math.min(total.failedLoads, total.evictions) > 20)
    const sum = (counters: typeof names) => Object.values(counters).reduce((all, { loads }) => all + loads, 0)
    assert.equal(sum(names), sum(weights))
    // All memory is free again.
    const huge = requestRunner(inventModel({ name: 'huge', size: 10 * MEMORY_BYTES }, 0))
    engine.submit({ model: 'huge', runner: huge, promptTokens: 0, outputTokens: 0 })
    clock.advance(300)
    assert.equal(engine.loaded()[0]?.graphicsBytes, MEMORY_BYTES)
  })
}
