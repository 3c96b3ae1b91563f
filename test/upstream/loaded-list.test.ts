import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PS, readPs } from '../../src/upstream/loaded-list.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** As Ollama 0.34 writes a row. */
const ALPHA = {
  name: 'alpha:latest',
  model: 'alpha:latest',
  size: 2_492_416,
  digest: '9072520552c118fbe30ae5b1604dfba707e81ee55a25db475d1b9a063ae67d14',
  details: {
    parent_model: '',
    format: 'gguf',
    family: 'llama',
    families: ['llama'],
    parameter_size: '115K',
    quantization_level: 'unknown',
  },
  expires_at: '2026-01-01T00:05:00.652578687Z',
  size_vram: 0,
  context_length: 4_096,
}

/** The clock shows ten seconds at the wall time 2026-01-01T00:00:10Z. */
const clock = new ManualClock(Date.UTC(2026, 0, 1))
clock.advance(10_000)

const listOf = (...models: unknown[]) => readPs(JSON.stringify({ models }), clock)
const keys = (...models: unknown[]) => listOf(...models)?.map(({ model }) => model)
const expiry = (expires_at: unknown) => {
  const [found, ...more] = listOf({ ...ALPHA, expires_at }) ?? []
  assert.ok(found !== undefined && more.length === 0)
  return found.expiresAt
}

describe('the models in memory', () => {
  it('are told by key and in clock time', () => {
    const [alpha] = listOf(ALPHA) ?? []
    assert.equal(alpha?.model, 'alpha')
    assert.ok(Math.abs((alpha?.expiresAt ?? 0) - 300_652.578687) < 0.001)
  })

  it('may be none, in both ways that Go writes an empty list', () => {
    assert.deepEqual([readPs('{"models":[]}', clock), readPs('{"models":null}', clock)], [[], []])
  })

  it('have the key of any spelling, also where only `model` has the name', () => {
    assert.deepEqual(keys({ name: 'registry.ollama.ai/library/Qwen3:8b' }, { model: 'me/x:LATEST' }), [
      'qwen3:8b',
      'me/x',
    ])
  })

  it('are no models on ollama.com', () => {
    assert.deepEqual(keys({ name: 'gpt-oss:120b-cloud' }, { name: 'x:cloud' }, ALPHA), ['alpha'])
  })

  it('of one name are one model, with the later time', () => {
    const [early, late] = ['2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z']
    const both = (...times: unknown[]) =>
      listOf(...times.map((expires_at, i) => ({ name: i ? 'ALPHA' : 'alpha:latest', expires_at })))
    for (const times of [
      [early, late],
      [late, early],
    ])
      assert.deepEqual(both(...times), [{ model: 'alpha', expiresAt: 120_000 }])
    for (const times of [
      [early, null],
      [null, early],
    ])
      assert.deepEqual(both(...times), [{ model: 'alpha', expiresAt: undefined }])
  })
})

describe('expires_at', () => {
  it('is read with any offset and any number of digits', () => {
    for (const written of [
      '2026-01-01T00:01:00Z',
      '2026-01-01t00:01:00z',
      '2026-01-01T02:01:00+02:00',
      '2025-12-31T18:31:00-05:30',
      '2026-01-01T00:01:00.000000000Z',
      '2026-01-01T00:01:00.0-00:00',
    ])
      assert.equal(expiry(written), 60_000, written)
    assert.equal(expiry('2026-01-01T00:01:00.5Z'), 60_500)
    assert.equal(expiry('2026-01-01T00:01:00.25+00:00'), 60_250)
  })

  it('can lie in the past, before the beginning of the clock', () => {
    assert.equal(expiry('2025-12-31T23:59:00Z'), -60_000)
  })

  it('is never where it is 50 years ahead, as keep_alive -1 gives, and unset where Go writes the year 1', () => {
    assert.equal(expiry('2318-03-11T23:47:16.854775807Z'), undefined)
    assert.equal(expiry('2080-01-01T00:00:00Z'), undefined)
    assert.ok((expiry('2070-01-01T00:00:00Z') ?? 0) > 1e12)
    assert.equal(expiry('0001-01-01T00:00:00Z'), undefined)
  })

  it('is unknown where it cannot be read', () => {
    for (const written of [
      undefined,
      null,
      '',
      1_767_225_660,
      '1767225660',
      'soon',
      '2026-01-01',
      '2026-01-01T00:01:00',
      '2026-01-01 00:01:00Z',
      '2026-01-01T00:01:00.Z',
      '2026-13-01T00:01:00Z',
      '2026-01-01T25:01:00Z',
      '2026-01-01T00:01:00+99:99',
      '+002026-01-01T00:01:00Z',
      `2026-01-01T00:01:00.${'0'.repeat(100)}Z`,
      ['2026-01-01T00:01:00Z'],
    ])
      assert.equal(expiry(written), undefined, String(written))
  })
})

describe('an answer that is no list', () => {
  it('has another shape', () => {
    for (const text of [
      '',
      'null',
      '[]',
      '"models"',
      '{}',
      '{"models":{}}',
      '{"models":"llama"}',
      '{"models":[]',
      '<html>404</html>',
      '{"error":"no"}',
    ])
      assert.equal(readPs(text, clock), undefined, text)
  })

  it('has a row without a readable name: its model must not seem to be gone', () => {
    for (const row of [
      null,
      1,
      'alpha',
      [],
      {},
      { name: '' },
      { name: 7, model: 8 },
      { name: ['alpha'] },
      { name: 'a b' },
      { name: 'a//b' },
      { name: 'x'.repeat(10_240) },
      { name: { toString: 'alpha' } },
    ])
      assert.equal(listOf(ALPHA, row), undefined, JSON.stringify(row).slice(0, 40))
  })

  it('has more rows than any machine has models', () => {
    const rows = Array.from({ length: 1_001 }, (_, i) => ({ name: `m${i}` }))
    assert.equal(listOf(...rows), undefined)
    assert.equal(listOf(...rows.slice(1))?.length, 1_000)
  })

  it('is as deep and as long as there is room', () => {
    const deep = '['.repeat(PS.mostBytes)
    assert.equal(readPs(deep, clock), undefined)
    const nested = `{"models":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    assert.equal(readPs(nested, clock), undefined)
    const within = `{"models":[{"name":"alpha","details":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}]}`
    assert.deepEqual(readPs(within, clock), [{ model: 'alpha', expiresAt: undefined }])
  })

  it('has its fields in a prototype', () => {
    assert.equal(readPs('{"__proto__":{"models":[]}}', clock), undefined)
    assert.equal(readPs('{"models":[{"__proto__":{"name":"alpha"}}]}', clock), undefined)
  })
})
