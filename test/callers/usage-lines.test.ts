import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseUsageLine, RepeatedLines, usageLine, type WrittenUsage } from '../../src/callers/usage-lines.ts'
import { aRecord } from './support/usage-builders.ts'

const written = (over: Partial<WrittenUsage> = {}): WrittenUsage => ({
  ...aRecord(),
  run: 'r',
  serial: 1,
  ...over,
})
const lineOf = (record: WrittenUsage) => usageLine(record, record.run, record.serial)
const LINE =
  '{"at":"2026-11-28T12:00:00.000Z","caller":"alice","key":true,"user":null,"model":"llama3.2","slot_ms":1234.5,' +
  '"tokens_in":10,"tokens_out":20,"id":"r1","run":"r","n":1}\n'

describe('a usage line', () => {
  it('has these fields and no others', () => {
    assert.equal(lineOf(written()), LINE)
  })

  it('is read as it was written, whatever the names are', () => {
    for (const record of [
      written(),
      written({ caller: '192.0.2.20', key: false, model: null, tokensIn: null, tokensOut: null }),
      written({ user: 'Jürgen "the\nfirst"\u2028', model: '=1+1', slotMs: 0, serial: 2 ** 40 }),
    ]) {
      const line = lineOf(record)
      assert.equal(line.indexOf('\n'), line.length - 1)
      assert.deepEqual(parseUsageLine(line.slice(0, -1)), record)
    }
  })

  it('keeps 256 characters of each name, so that a client cannot fill the disk with the name of a model', () => {
    const long = '\u0000'.repeat(10_000_000)
    const line = lineOf(written({ caller: long, user: long, model: long, id: long }))
    assert.ok(line.length < 8_192, `${line.length}`)
    assert.equal(parseUsageLine(line)?.model, `${long.slice(0, 255)}…`)
  })

  it('is not readable when it is torn, wherever it is torn', () => {
    for (let length = 0; length < LINE.length - 1; length++)
      assert.equal(parseUsageLine(LINE.slice(0, length)), undefined, LINE.slice(0, length))
    assert.ok(parseUsageLine(LINE.slice(0, -1)))
  })

  it('is not readable when a field is missing or of another kind', () => {
    const fields = JSON.parse(LINE)
    for (const name of Object.keys(fields)) {
      assert.equal(parseUsageLine(JSON.stringify({ ...fields, [name]: undefined })), undefined, name)
      assert.equal(parseUsageLine(JSON.stringify({ ...fields, [name]: [] })), undefined, name)
    }
    for (const amount of ['-1', '1e999', '"1"'])
      assert.equal(parseUsageLine(LINE.replace('1234.5', amount)), undefined, amount)
    for (const line of ['null', '[]', '7', '""', '\u0000\u0000'])
      assert.equal(parseUsageLine(line), undefined)
  })
})

describe('repeated lines', () => {
  it('are found by run and serial, also where two runs write at once', () => {
    const repeated = new RepeatedLines()
    const seen = [
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 2],
      ['b', 4],
      ['a', 1],
      ['a', 3],
    ] as const
    assert.deepEqual(
      seen.map(([run, serial]) => repeated.has(written({ run, serial }))),
      [false, false, false, true, false, true, false],
    )
  })
})
