import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readKeepAlive } from '../../src/simulator/keep-alive.ts'
import { Library } from '../../src/simulator/models.ts'
import { parseModelName } from '../../src/simulator/names.ts'

it('spellings of one model share a key', () => {
  const key = 'registry.ollama.ai/library/llama2:latest'
  for (const spelling of [
    'llama2',
    ' llama2 ',
    'LLAMA2:Latest',
    'library/llama2',
    'registry.ollama.ai/library/llama2:latest',
    'https://registry.ollama.ai/library/llama2',
    'llama2:local',
  ]) {
    assert.equal(parseModelName(spelling)?.key, key, spelling)
  }
})

it('the short form leaves out what is the default, but never the tag', () => {
  assert.equal(parseModelName('llama2')?.short, 'llama2:latest')
  assert.equal(parseModelName('me/x:7b')?.short, 'me/x:7b')
  assert.equal(parseModelName('hf.co/a/b')?.short, 'hf.co/a/b:latest')
  assert.equal(parseModelName('localhost:5000/a/b')?.short, 'localhost:5000/a/b:latest')
})

it('refuses invalid names', () => {
  for (const name of ['', 'a b', 'a@sha256:00', 'x'.repeat(81), '-a', 'a/b/c/d/', 'a.b.c/n.s/x']) {
    assert.equal(parseModelName(name), undefined, name)
  }
})

it('a copy shares the weights of its source', () => {
  const library = new Library(['llama3.2'], false, () => 0)
  const source = library.find('llama3.2')
  assert.ok(source)
  assert.equal(library.copy(source, 'mine'), true)
  assert.equal(library.find('Mine')?.weights, source.weights)
  assert.equal(library.find('mine')?.digest, source.digest)
  assert.equal(library.delete('LLAMA3.2'), true)
  assert.equal(library.find('llama3.2'), undefined)
})

it('every valid name is a model with anyModel', () => {
  const library = new Library([], true, () => 0)
  assert.equal(library.find('whatever:70b')?.name, 'whatever:70b')
  assert.equal(library.find('no name'), undefined)
})

it('keep_alive is read as Ollama reads it', () => {
  const readings: [string | number | undefined, number | undefined][] = [
    [undefined, undefined],
    [0, 0],
    [1.5, 1500],
    [-1, Number.POSITIVE_INFINITY],
    ['0', 0],
    ['0s', 0],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['-1m', Number.POSITIVE_INFINITY],
  ]
  for (const [given, ms] of readings) assert.equal(readKeepAlive(given), ms, String(given))
})

it('keep_alive refuses invalid durations', () => {
  assert.throws(() => readKeepAlive('soon'), { message: 'time: invalid duration "soon"' })
  assert.throws(() => readKeepAlive(''), { message: 'time: invalid duration ""' })
  assert.throws(() => readKeepAlive('10'), { message: 'time: missing unit in duration "10"' })
  assert.throws(() => readKeepAlive('10x'), { message: 'time: unknown unit "x" in duration "10x"' })
  assert.throws(() => readKeepAlive(true), { message: "Unsupported type: 'bool'" })
})
