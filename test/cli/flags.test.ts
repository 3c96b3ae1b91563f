import assert from 'node:assert/strict'
import { it } from 'node:test'
import { findMistake, flagValues, optionFlags } from '../../src/cli/flags.ts'

const DEFINED = {
  ...optionFlags,
  demo: { type: 'boolean' as const },
}

it('has exactly the flags of the configuration', () => {
  const flags = [
    'config',
    'upstream',
    'host',
    'port',
    'parallel',
    'max-queue',
    'timeout',
    'turns',
    'log-level',
    'language',
  ]
  assert.deepEqual(Object.keys(optionFlags), flags)
})

it('hands on the flags that were given, as text', () => {
  const values = flagValues({ _: [], port: '1', demo: true })
  assert.equal(values.port, '1')
  assert.equal(values.host, undefined)
  assert.ok(!('demo' in values))
})

it('lets every right spelling pass', () => {
  for (const args of [[], ['--port', '1'], ['--port=1'], ['--demo'], ['--max-queue', '-1']]) {
    assert.equal(findMistake(args, DEFINED), undefined, args.join(' '))
  }
})

it('finds what citty would ignore', () => {
  assert.equal(
    findMistake(['--max-quue', '1'], DEFINED),
    'unknown flag --max-quue; did you mean --max-queue?',
  )
  assert.equal(findMistake(['--colour'], DEFINED), 'unknown flag --colour')
  assert.equal(findMistake(['--no-demo'], DEFINED), 'unknown flag --no-demo')
  assert.equal(findMistake(['-x'], DEFINED), 'unknown flag -x')
  assert.equal(findMistake(['--demo=yes'], DEFINED), 'flag --demo takes no value')
  assert.equal(findMistake(['--port'], DEFINED), 'flag --port needs a value')
  assert.equal(findMistake(['--port='], DEFINED), 'flag --port needs a value')
  assert.equal(findMistake(['--port', ''], DEFINED), 'flag --port needs a value')
  assert.equal(findMistake(['extra'], DEFINED), 'unexpected argument extra')
  assert.equal(findMistake(['--', 'extra'], DEFINED), 'unexpected argument --')
})
