import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parallelMismatches, reloadMismatches } from '../../src/alerts/runner-mismatches.ts'
import type { ModelReading } from '../../src/telemetry/history.ts'
import type { ReloadPair } from '../../src/telemetry/reload-counts.ts'

describe('parallel_too_high', () => {
  const lane = (parts: Partial<ModelReading['lane']> = {}): ModelReading['lane'] => ({
    runner: 'sha256-1',
    names: ['a'],
    limits: { parallel: 4, queue: 512 },
    effective: { parallel: 4, reason: 'configured' },
    runsFewer: 1,
    paused: false,
    ...parts,
  })
  const readings = (lanes: Readonly<Record<string, ModelReading['lane']>>) =>
    new Map(
      Object.entries(lanes).map(([model, lane]) => {
        const figures = { seconds: 60, arrived: 1, rejection_rate_percent: 0, avg_wait_seconds: 0 }
        return [model, { ...figures, queue_depth_percent: 0, tokens_per_second: 0, active: 0, lane }] as const
      }),
    )

  it('tells the number to set, and the other way', () => {
    assert.deepEqual(
      parallelMismatches(readings({ a: lane({ runsFewer: 2 }) }), () => undefined),
      [
        {
          metric: 'parallel_too_high',
          model: 'a',
          value: 4,
          threshold: 2,
          unit: 'slots',
          message: 'Ollama runs 2 of the calls of a at once, but parallel_limit is 4',
          action:
            'Set models.a.parallel_limit: 2 in config.yaml, or send POST /admin/queue/update {"model":"a","parallel_limit":2}. ' +
            'Or set OLLAMA_NUM_PARALLEL=4 for Ollama, if there is memory for it, and restart Ollama.',
        },
      ],
    )
  })

  it('tells why no setting of Ollama helps, whichever name of the runner is known', () => {
    const reasons = {
      embedding:
        /No setting of Ollama helps: .* one call of a model without the capability "completion" at a/,
      family: /No setting of Ollama helps: .* one call of a model of this family at a time\.$/,
      format: /No setting of Ollama helps: .* one call of a model of format safetensors at a time\.$/,
    } as const
    for (const reason of ['embedding', 'family', 'format'] as const) {
      const forced = (model: string) => (model === 'b' ? reason : undefined)
      const [mismatch] = parallelMismatches(readings({ a: lane({ names: ['a', 'b'] }) }), forced)
      assert.match(mismatch?.action ?? '', reasons[reason])
      assert.doesNotMatch(mismatch?.action ?? '', /OLLAMA_NUM_PARALLEL/)
    }
  })

  it('is one mismatch of a runner, and names its models, of many only some', () => {
    const shared = lane({ names: ['a', 'b', 'c'] })
    const mismatches = parallelMismatches(readings({ b: shared, c: shared }), () => undefined)
    assert.deepEqual(
      mismatches.map(({ model, message }) => [model, message]),
      [['a', 'Ollama runs 1 of the calls of a, b and c at once, but parallel_limit is 4']],
    )
    const many = lane({ names: ['a', 'b', 'c', 'd', 'e'] })
    assert.match(
      parallelMismatches(readings({ b: many }), () => undefined)[0]?.message ?? '',
      /of a, b, c and 2 more at once/,
    )
  })

  it('is none where Ollama runs as many as configured', () => {
    assert.deepEqual(
      parallelMismatches(readings({ a: lane({ runsFewer: undefined }) }), () => 'family'),
      [],
    )
  })
})

describe('reloads', () => {
  const pair = (parts: Partial<ReloadPair> = {}): ReloadPair => ({
    option: 'num_ctx',
    from: '32768',
    to: '4096',
    count: 3,
    callers: [
      { client: '10.0.0.5', value: '4096' },
      { client: '10.0.0.7', value: '32768' },
      { client: '10.0.0.8', value: '32768' },
    ],
    last: 0,
    ...parts,
  })
  const runner = (count: number, ...pairs: ReloadPair[]) => [{ runner: 'sha256-1', count, pairs }]
  const named = (...names: string[]) => {
    return (runner: string) => (runner === 'sha256-1' ? names : [])
  }

  it('are told from three on, with the values, who sends each, and what helps', () => {
    assert.deepEqual(reloadMismatches(runner(2, pair({ count: 2 })), named('a')), [])
    assert.deepEqual(reloadMismatches(runner(3, pair()), named('a')), [
      {
        metric: 'reloads',
        model: 'a',
        value: 3,
        threshold: 3,
        unit: 'loads',
        message:
          'a was loaded 3 times in 10 min because num_ctx alternates between 32768 (10.0.0.7, 10.0.0.8) and 4096 (10.0.0.5)',
        action:
          'Give all clients of a one num_ctx: set PARAMETER num_ctx 32768 in the Modelfile of the model, or ' +
          'OLLAMA_CONTEXT_LENGTH for Ollama, and remove the option from the clients. A copy of the model (ollama cp) does ' +
          'not help, because copies share one runner. Two values side by side need a second Ollama, or a model with other ' +
          'weights.',
      },
    ])
  })

  it('advise the larger value, or the one that is not automatic', () => {
    const advised = (parts: Partial<ReloadPair>) =>
      /PARAMETER (\w+ \w+)/.exec(reloadMismatches(runner(3, pair(parts)), named('a'))[0]?.action ?? '')?.[1]
    assert.equal(advised({ from: '4096', to: '32768' }), 'num_ctx 32768')
    assert.equal(advised({ from: '8192', to: 'automatic' }), 'num_ctx 8192')
    assert.equal(advised({ from: 'automatic', to: '8192' }), 'num_ctx 8192')
    assert.equal(advised({ option: 'use_mmap', from: 'true', to: 'automatic' }), 'use_mmap true')
  })

  it('name OLLAMA_CONTEXT_LENGTH for num_ctx alone, and no client where none is known', () => {
    const parts = { option: 'num_gpu', from: '1', to: '2', callers: [] } as const
    const [mismatch] = reloadMismatches(runner(3, pair(parts)), named('a'))
    assert.match(mismatch?.message ?? '', /because num_gpu alternates between 1 and 2$/)
    assert.doesNotMatch(mismatch?.action ?? '', /OLLAMA_CONTEXT_LENGTH/)
  })

  it('tell the two pairs with the most loads of the last minutes, and the models of the runner', () => {
    const callers: ReloadPair['callers'] = []
    const pairs = [
      pair({ callers }),
      pair({ option: 'num_gpu', from: '1', to: '2', callers }),
      pair({ option: 'main_gpu', callers }),
    ]
    const message = (...pairs: ReloadPair[]) =>
      reloadMismatches(runner(6, ...pairs), named('a', 'b'))[0]?.message
    assert.equal(
      message(...pairs),
      'the runner of a and b was loaded 6 times in 10 min because num_ctx alternates between 32768 and 4096, and num_gpu alternates between 1 and 2',
    )
    assert.doesNotMatch(message(pair(), pair({ option: 'num_gpu', count: 0 })) ?? '', /num_gpu/)
  })

  it('are told of no runner that is forgotten', () => {
    assert.deepEqual(reloadMismatches(runner(3, pair()), named()), [])
  })
})
