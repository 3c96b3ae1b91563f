import assert from 'node:assert/strict'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { LogRecord } from '@logtape/logtape'
import type { FinishedCall } from '../../src/relay/contract.ts'
import { openLog } from '../../src/runtimes/process/logging.ts'
import { LOG_FILE_BYTES } from '../../src/runtimes/process/rotating-file.ts'
import { formatJson, formatText } from '../../src/telemetry/call-log.ts'

function aCall(parts: Partial<FinishedCall> = {}): FinishedCall {
  return {
    requestId: 'id-1',
    client: '127.0.0.1',
    caller: '192.0.2.7',
    key: null,
    user: null,
    class: 'normal',
    path: '/api/chat',
    model: 'llama2',
    outcome: 'done',
    reason: null,
    status: 200,
    signsMs: null,
    lateStatus: null,
    startedAt: 1_700_000_000_000,
    waitMs: 0,
    parts: 35,
    firstByteMs: 12.34567,
    sentMs: 0.04,
    totalMs: 1234.5,
    slots: 0,
    slotMs: 0,
    numCtx: null,
    loadMs: 0,
    bytesIn: 120,
    bytesOut: 3456,
    tokensIn: 12,
    tokensOut: 34,
    traceparent: null,
    ...parts,
  }
}

/** A call by a person behind a key, with a load and a context length. */
const BY_A_KEY = { caller: 'alice', user: 'mia', class: 'batch', loadMs: 40.126, numCtx: 8_192 } as const

function aRecord(
  rawMessage: string,
  properties: Record<string, unknown>,
  level: LogRecord['level'] = 'info',
): LogRecord {
  const timestamp = Date.UTC(2026, 0, 1)
  return { category: ['proxy'], level, message: [rawMessage], rawMessage, timestamp, properties }
}

const callRecord = (parts?: Partial<FinishedCall>) => aRecord('call', { call: aCall(parts) })
const noteRecord = (message: string, fields?: Record<string, unknown>) =>
  aRecord('note', { message, fields }, 'warning')

describe('a JSON line', () => {
  it('has every figure of a call in a fixed order', () => {
    assert.equal(
      formatJson(callRecord(BY_A_KEY)),
      '{"time":"2026-01-01T00:00:00.000Z","level":"info","event":"call","request_id":"id-1","client":"127.0.0.1",' +
        '"caller":"alice","user":"mia","class":"batch",' +
        '"model":"llama2","path":"/api/chat","outcome":"done","reason":null,"status":200,"wait_ms":0,' +
        '"first_byte_ms":12.35,"total_ms":1234.5,"load_ms":40.13,"bytes_in":120,"bytes_out":3456,"tokens_in":12,"tokens_out":34,' +
        '"num_ctx":8192}\n',
    )
  })

  it('gives the code of a failed connection as the reason, whatever is in it', () => {
    const failed = { outcome: 'failed', status: 502, cause: 'ECONNREFUSED' } as const
    assert.match(formatJson(callRecord(failed)), /"outcome":"failed","reason":"ECONNREFUSED","status":502/)
    assert.match(formatText(callRecord(failed)), /failed \(ECONNREFUSED\) 502/)
    const odd = formatJson(callRecord({ ...failed, cause: 'a"\nb' }))
    assert.equal(JSON.parse(odd).reason, 'a"\nb')
    assert.equal(odd.split('\n').length, 2)
  })

  it('says null for what there was not', () => {
    const parts = {
      model: null,
      outcome: 'refused',
      reason: 'queue_full',
      firstByteMs: null,
      tokensIn: null,
    } as const
    const line = JSON.parse(formatJson(callRecord(parts)))
    assert.deepEqual(
      [line.model, line.reason, line.first_byte_ms, line.tokens_in, line.user, line.num_ctx],
      [null, 'queue_full', null, null, null, null],
    )
  })

  it('tells of signs of life, and of the status that came too late, only where there were some', () => {
    assert.doesNotMatch(formatJson(callRecord({})), /signs|late/)
    const late = formatJson(callRecord({ signsMs: 20_000.126, lateStatus: 504 }))
    assert.match(late, /"num_ctx":null,"signs_ms":20000\.13,"late_status":504\}\n$/)
    assert.match(formatText(callRecord({ signsMs: 20_000, lateStatus: null })), / signs_ms=20000\n$/)
  })

  it('carries a note with its fields, which cannot replace what every line has', () => {
    assert.equal(
      formatJson(noteRecord('it {is} so', { url: 'http://x', level: 'fake', event: 'fake' })),
      '{"time":"2026-01-01T00:00:00.000Z","level":"warn","event":"note","message":"it {is} so","url":"http://x"}\n',
    )
  })

  it('tells an error by its stack', () => {
    const error = new Error('broken')
    assert.equal(JSON.parse(formatJson(noteRecord('x', { error }))).error, error.stack)
  })

  it('says something of values that JSON cannot say', () => {
    const circular: Record<string, unknown> = {}
    circular.self = circular
    assert.equal(JSON.parse(formatJson(noteRecord('x', { big: 3n }))).big, '3')
    assert.ok(formatJson(noteRecord('x', { circular })).endsWith('\n'))
  })
})

describe('a text line', () => {
  it('reads well', () => {
    assert.equal(
      formatText(callRecord()),
      '2026-01-01T00:00:00.000Z info  llama2 done 200 request_id=id-1 client=127.0.0.1 ' +
        'caller=192.0.2.7 class=normal path=/api/chat ' +
        'wait_ms=0 first_byte_ms=12.35 total_ms=1234.5 load_ms=0 bytes_in=120 bytes_out=3456 tokens_in=12 tokens_out=34\n',
    )
  })

  it('names the user and the context length where they are known', () => {
    const line = formatText(callRecord(BY_A_KEY))
    assert.match(line, / caller=alice user=mia class=batch path=/)
    assert.match(line, / load_ms=40.13 .* num_ctx=8192\n$/)
  })

  it('gives the reason of a refusal and leaves out what there was not', () => {
    const parts = {
      outcome: 'refused',
      reason: 'queue_full',
      status: 503,
      firstByteMs: null,
      tokensIn: null,
      tokensOut: null,
    } as const
    const line = formatText(callRecord(parts))
    assert.match(line, / llama2 refused \(queue_full\) 503 /)
    assert.doesNotMatch(line, /first_byte|tokens|null/)
  })

  it('quotes what would read as several words', () => {
    assert.match(formatText(callRecord({ model: 'a b="c"' })), / "a b=\\"c\\"" done /)
    assert.equal(
      formatText(noteRecord('hello', { why: 'so it is' })),
      '2026-01-01T00:00:00.000Z warn  hello why="so it is"\n',
    )
  })
})

describe('hostile texts', () => {
  const hostile = 'a\n\r\t\x1b[31m\x7f\x9b31m\u2028\u202eb'

  it('can neither break a line nor steer a terminal', () => {
    for (const record of [
      callRecord({ model: hostile, path: hostile, requestId: hostile, user: hostile, caller: hostile }),
      noteRecord(hostile, { x: hostile }),
    ]) {
      for (const line of [formatJson(record), formatText(record)]) {
        assert.match(line, /^[^\p{Cc}\u2028\u202e]*\n$/u)
      }
    }
    const line = JSON.parse(formatJson(callRecord({ model: hostile, user: hostile })))
    assert.deepEqual([line.model, line.user], [hostile, hostile])
  })

  it('are cut before they fill the disk', () => {
    for (const format of [formatJson, formatText]) {
      const long = 'm'.repeat(1e6)
      const parts = { model: long, path: long, requestId: long, user: long }
      assert.ok(format(callRecord(parts)).length < 2_000)
    }
  })
})

describe('openLog', () => {
  let folder = ''
  let fd = 0
  const out = () => readFileSync(join(folder, 'stdout'), 'utf8')
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guard-log-'))
    fd = openSync(join(folder, 'stdout'), 'a')
  })
  afterEach(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true, force: true })
  })

  const levels = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).level)

  it('writes JSON where there is no terminal and text where there is one, unless told', async () => {
    const first = await openLog({ log_level: 'info' }, { fd })
    first.log.info('one')
    await first.close()
    assert.match(out(), /^\{"time".*"message":"one"\}\n$/)
    const second = await openLog({ log_level: 'info' }, { fd, isTTY: true })
    second.log.info('two')
    await second.close()
    assert.match(out(), /\n\S+Z info {2}two\n$/)
    const third = await openLog({ log_level: 'info', log_format: 'json' }, { fd, isTTY: true })
    third.log.info('three')
    await third.close()
    assert.match(out(), /"message":"three"\}\n$/)
  })

  it('gives each call the level of its outcome', async () => {
    const { log, close } = await openLog({ log_level: 'debug' }, { fd })
    for (const outcome of ['done', 'refused', 'cancelled', 'timed_out', 'failed'] as const)
      log.call(aCall({ outcome }))
    log.debug('x')
    log.error('y')
    await close()
    assert.deepEqual(levels(out()), ['info', 'info', 'info', 'warn', 'warn', 'debug', 'error'])
  })

  it('leaves out what is below log_level', async () => {
    const { log, close } = await openLog({ log_level: 'warn' }, { fd })
    log.call(aCall())
    log.info('no')
    log.call(aCall({ outcome: 'failed' }))
    await close()
    assert.deepEqual(levels(out()), ['warn'])
  })

  it('logs more or less from one line to the next when its level changes', async () => {
    const { log, setLevel, close } = await openLog({ log_level: 'error' }, { fd })
    const three = (status: number) => {
      log.call(aCall({ status }))
      log.call(aCall({ status, outcome: 'failed' }))
      log.debug(`${status}`)
    }
    three(1)
    setLevel('debug')
    three(2)
    setLevel('warn')
    three(3)
    setLevel('error')
    three(4)
    await close()
    assert.deepEqual(levels(out()), ['info', 'warn', 'debug', 'warn'])
  })

  it('leaves braces in a message alone', async () => {
    const { log, close } = await openLog({ log_level: 'info' }, { fd })
    log.info('got {"a":1} and {b}', { b: 2 })
    await close()
    assert.equal(JSON.parse(out()).message, 'got {"a":1} and {b}')
  })

  it('loses no line of a burst', async () => {
    const { log, close } = await openLog({ log_level: 'info' }, { fd })
    for (let status = 0; status < 5_000; status++) log.call(aCall({ status }))
    await close()
    const lines = out().trimEnd().split('\n')
    assert.equal(lines.length, 5_000)
    assert.equal(JSON.parse(lines.at(-1) ?? '').status, 4_999)
  })

  it('writes the file too, in a folder it makes', async () => {
    const log_file = join(folder, 'deep', 'er', 'proxy.log')
    const { log, close } = await openLog({ log_level: 'info', log_file }, { fd, isTTY: true })
    log.call(aCall())
    await close()
    assert.equal(JSON.parse(readFileSync(log_file, 'utf8')).request_id, 'id-1')
    assert.match(out(), / llama2 done 200 /)
  })

  it('rotates the file by size and keeps five in all', async () => {
    const log_file = join(folder, 'proxy.log')
    writeFileSync(log_file, 'full'.padEnd(LOG_FILE_BYTES, '.'))
    for (const age of [1, 2, 3, 4]) writeFileSync(`${log_file}.${age}`, `age ${age}`)
    const { log, close } = await openLog({ log_level: 'info', log_file }, { fd })
    log.info('fresh')
    await close()
    assert.equal(JSON.parse(readFileSync(log_file, 'utf8')).message, 'fresh')
    assert.equal(statSync(`${log_file}.1`).size, LOG_FILE_BYTES)
    assert.equal(readFileSync(`${log_file}.4`, 'utf8'), 'age 3')
    assert.equal(readdirSync(folder).filter((name) => name.startsWith('proxy.log')).length, 5)
  })

  it('keeps writing the file when stdout takes nothing', async () => {
    const log_file = join(folder, 'proxy.log')
    const unwritable = openSync(join(folder, 'stdout'), 'r')
    const { log, close } = await openLog({ log_level: 'info', log_file }, { fd: unwritable })
    log.info('still here')
    await close()
    closeSync(unwritable)
    assert.equal(JSON.parse(readFileSync(log_file, 'utf8')).message, 'still here')
  })

  it('says at once which file cannot be written', async () => {
    await assert.rejects(
      openLog({ log_level: 'info', log_file: folder }, { fd }),
      /^Error: log_file .* cannot be written \(EISDIR/,
    )
  })
})
