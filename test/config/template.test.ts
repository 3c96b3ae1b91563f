import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { options } from '../../src/config/schema.ts'
import { RECOMMENDED_LOG_FILE, renderConfigFile } from '../../src/config/template.ts'

const shipped = readFileSync(new URL('../../config.yaml', import.meta.url), 'utf8')
/** Settings are commented out with a bare "#", prose with "# " and a word. */
const uncommented = shipped.replace(/^#(?=[a-z]| {2})/gm, '')

function load(text: string) {
  const readFile = (path: string) => (path === 'keys.yaml' ? '' : text)
  return loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile }).config
}

describe('the shipped config.yaml', () => {
  it('sets the log file and otherwise equals the defaults', () => {
    assert.deepEqual(load(shipped), { ...load(''), log_file: RECOMMENDED_LOG_FILE })
  })

  it('names every key once, in the order of the schema', () => {
    assert.deepEqual(
      Object.keys(parse(uncommented)),
      options.map((option) => option.key),
    )
  })

  it('shows the default of every option that has one', () => {
    const shown = parse(uncommented)
    for (const { key, defaultWritten, example } of options) {
      if (defaultWritten !== undefined && example === undefined)
        assert.deepEqual(shown[key], defaultWritten, key)
    }
  })

  it('loads cleanly with every comment mark removed', () => {
    const config = load(uncommented)
    assert.equal(config.models['llama3:70b']?.parallel_limit, 1)
    assert.equal(config.log_format, 'json')
  })

  it('says of every option what it means, its unit, variable and flag', () => {
    for (const { sentence, unit, env, envFile, flag } of options) {
      for (const fact of [sentence, unit && `Unit: ${unit}.`, env, envFile, flag && `--${flag}.`]) {
        if (fact) assert.ok(shipped.includes(fact), fact)
      }
    }
  })

  it('is what the descriptions of the options give', () => {
    assert.equal(shipped, renderConfigFile({ log_file: RECOMMENDED_LOG_FILE }))
  })
})

describe('renderConfigFile', () => {
  it('sets what it is told and puts notes at the head', () => {
    const text = renderConfigFile({ ollama_num_parallel: 4, max_queue_bytes: '64MiB' }, ['measured'])
    assert.match(text, /^# measured$/m)
    assert.match(text, /^ollama_num_parallel: 4$/m)
    assert.equal(load(text).ollama_num_parallel, 4)
    assert.equal(load(text).max_queue_bytes, 64 * 2 ** 20)
  })
})
