import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'

const ALICE = 'keys: { alice: { address: 192.0.2.1, parallel: 2 } }\n'

function load(set: readonly string[], text = '', env: Record<string, string> = {}): LoadedConfig {
  return loadConfig({ flags: {}, env, ownAddresses: [], set, readFile: () => text })
}

/** The lines of the problems. */
function problems(set: readonly string[], text = ''): string[] {
  try {
    load(set, text)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.message.split('\n')
  }
  return []
}

describe('a value that is set above all sources', () => {
  it('replaces the value of the file and of the environment', () => {
    const { config, sources } = load(['ollama_num_parallel=6'], 'ollama_num_parallel: 2', {
      OLLAMA_NUM_PARALLEL: '3',
    })
    assert.equal(config.ollama_num_parallel, 6)
    assert.equal(sources.ollama_num_parallel, 'flag')
  })

  it('may be within a map, whose other values stay', () => {
    const { turn, models } = load(
      ['turn.max_switching=30', 'models.llama3.2.parallel_limit=2', 'models.phi={queue_limit: 1}'],
      'turn: { max_wait: 60 }\nmodels: { llama3.2: { queue_limit: 9 } }',
    ).config
    assert.deepEqual(turn, { max_wait: 60, max_switching: 30, together: [] })
    assert.deepEqual(models, { 'llama3.2': { queue_limit: 9, parallel_limit: 2 }, phi: { queue_limit: 1 } })
  })

  it('may be a field of a key, also of one in keys_file', () => {
    const readFile = (path: string) =>
      path === 'keys.yaml' ? 'bob: { address: 192.0.2.2 }' : `${ALICE}keys_file: keys.yaml`
    const set = ['keys.alice.parallel=5', 'keys.bob.queue=7', 'keys.bob.slot_seconds.day=60']
    const { keys } = loadConfig({ flags: {}, env: {}, ownAddresses: [], set, readFile }).config
    assert.equal(keys.alice?.parallel, 5)
    assert.deepEqual([keys.bob?.queue, keys.bob?.slot_seconds], [7, { day: 60 }])
  })

  it('may be a list, a size, a word or nothing', () => {
    const { config } = load(
      [
        'turn.together=[[a, b]]',
        'max_queue_bytes=1GiB',
        'turns=off',
        'log_file=',
        'keys.alice.parallel=null',
      ],
      `log_file: x.log\n${ALICE}`,
    )
    assert.deepEqual(config.turn.together, [['a', 'b']])
    assert.deepEqual([config.max_queue_bytes, config.turns, config.log_file], [2 ** 30, 'off', undefined])
    assert.equal('parallel' in (config.keys.alice ?? {}), false)
  })

  it('has the same problems as in config.yaml, all at once', () => {
    assert.deepEqual(
      problems([
        'ollama_num_paralel=6',
        'ollama_max_queue=-1',
        'turn.max_wiat=3',
        'models.m.parallel=1',
        'x',
        '=1',
      ]),
      [
        'flag --set: ollama_num_paralel: unknown key; did you mean ollama_num_parallel?',
        'flag --set: expected a key and a value, as in turn.max_wait=60',
        'flag --set: expected a key and a value, as in turn.max_wait=60',
        'flag --set: ollama_max_queue: expected an integer from 0 to 1000000, got -1',
        'flag --set: turn.max_wiat: unknown key; did you mean max_wait?',
        'flag --set: models.m.parallel: unknown key',
      ],
    )
    assert.deepEqual(problems(['proxy_port.x=1']), [
      'flag --set: proxy_port: expected an integer from 0 to 65535, got a map',
    ])
  })

  it('changes no prototype', () => {
    problems(['models.__proto__.parallel_limit=1', 'keys.__proto__.x=1', '__proto__.x=1'])
    assert.equal('x' in {}, false)
    assert.equal('parallel_limit' in {}, false)
  })
})
