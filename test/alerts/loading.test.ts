import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadingMismatches } from '../../src/alerts/loading.ts'
import { aLoad } from '../telemetry/support/turns.ts'

const loadsOf = (...names: readonly string[]) => names.map((name) => aLoad(name, 0))

describe('loading', () => {
  it('names the models that alternate, and what to change', () => {
    const [mismatch, ...others] = loadingMismatches(0.375, loadsOf('b', 'a', 'b', 'c', 'b', 'a'), false)
    assert.deepEqual(others, [])
    assert.deepEqual(mismatch, {
      metric: 'loading',
      model: null,
      value: 37.5,
      threshold: 20,
      unit: 'percent',
      message: '37.5 % of the last 5 min went into loading b (3 times), a (2 times) and c (once)',
      action:
        'Let Ollama hold these models together: raise OLLAMA_MAX_LOADED_MODELS, add memory, or take smaller models or a smaller num_ctx. ' +
        'Otherwise use fewer models here, or lower turn.max_switching: then models change less often, and calls wait longer for their turn.',
    })
  })

  it('is a warning from 20 % of the time on, and stays one down to 16 %', () => {
    const loads = loadsOf('a', 'b', 'a')
    for (const [share, isStanding, expected] of [
      [0.1999, false, 0],
      [0.2, false, 1],
      [0.16, true, 1],
      [0.1599, true, 0],
    ] as const)
      assert.equal(loadingMismatches(share, loads, isStanding).length, expected, `${share}`)
  })

  it('needs three loads: a long load alone is no alternation', () => {
    assert.deepEqual(loadingMismatches(1, loadsOf('a', 'b'), false), [])
    assert.deepEqual(loadingMismatches(1, [], true), [])
  })

  it('tells of different options of one model', () => {
    const options = ['num_ctx=4096', 'num_ctx=8192', 'num_ctx=4096']
    const one = options.map((each) => aLoad('a', 0, { options: each }))
    const [alone] = loadingMismatches(0.5, one, false)
    assert.equal(alone?.action, 'Give all clients of a the same options, above all one num_ctx.')
    const [beside] = loadingMismatches(0.5, [...one, aLoad('b', 0)], false)
    assert.match(beside?.action ?? '', /^Let Ollama hold .* Give all clients of a the same .* Otherwise/)
  })

  it('of one model that is loaded in the same way each time asks for a longer keep_alive', () => {
    assert.match(loadingMismatches(0.5, loadsOf('a', 'a', 'a'), false)[0]?.action ?? '', /keep_alive/)
  })

  it('that nobody asked this proxy for sends the other clients to the proxy', () => {
    const outside = ['a', 'b', 'a'].map((name) => aLoad(name, 0, { reason: 'outside' }))
    assert.match(
      loadingMismatches(0.5, outside, false)[0]?.action ?? '',
      /^Most of these loads were asked for past/,
    )
  })

  it('has a short message, however many models there are', () => {
    const names = Array.from({ length: 50 }, (_, index) => `m${index}`)
    assert.match(loadingMismatches(0.5, loadsOf(...names), false)[0]?.message ?? '', /\(once\) and 47 more$/)
  })
})
