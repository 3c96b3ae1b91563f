import { configureSync, getLogger, type LogRecord } from '@logtape/logtape'
import type { FinishedCall } from '../relay/contract.ts'
import { hundredths } from './snapshot.ts'

type Fields = Readonly<Record<string, unknown>>

/** The log of the proxy. A line below log_level costs next to nothing. */
export interface Log {
  /**
   * One line for a call that is over. A failed or timed-out call is a warning, every other call is information: to
   * refuse calls is the proxy's normal work.
   */
  call(finished: FinishedCall): void
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

type LogLevel = Exclude<keyof Log, 'call'>

interface AdjustableLog extends Log {
  setLevel(level: LogLevel): void
}

// Braces in a LogTape message are placeholders. So our own text is a property, beside one of these two messages.
const CALL = 'call'
const NOTE = 'note'

/**
 * Configures LogTape for the whole process: all lines go to `sink`, warnings of LogTape itself included. Every call has
 * a record, and the logger would only pass the record on, which costs more than the rest of the line. So records of
 * calls go to `sink` directly.
 */
export function createLog(level: LogLevel, sink: (record: LogRecord) => void): AdjustableLog {
  const logger = getLogger('proxy')
  const { category } = logger
  let levels = { info: false, warning: false }
  const setLevel = (level: LogLevel) => {
    // One call for the whole configuration, so that no line is lost between the old level and the new level.
    configureSync({
      sinks: { sink },
      loggers: [
        { category: 'proxy', lowestLevel: level === 'warn' ? 'warning' : level, sinks: ['sink'] },
        { category: ['logtape', 'meta'], lowestLevel: 'warning', sinks: ['sink'] },
      ],
      reset: true,
    })
    levels = { info: logger.isEnabledFor('info'), warning: logger.isEnabledFor('warning') }
  }
  setLevel(level)
  return {
    call(call) {
      const level = call.outcome === 'failed' || call.outcome === 'timed_out' ? 'warning' : 'info'
      if (!levels[level]) return
      const timestamp = Date.now()
      sink({ category, level, message: [], rawMessage: CALL, timestamp, properties: { call } })
    },
    debug: (message, fields) => logger.debug(NOTE, { message, fields }),
    info: (message, fields) => logger.info(NOTE, { message, fields }),
    warn: (message, fields) => logger.warn(NOTE, { message, fields }),
    error: (message, fields) => logger.error(NOTE, { message, fields }),
    setLevel,
  }
}

/** One JSON object and a line break. The keys always come in the same order. */
export function formatJson(record: LogRecord): string {
  const time = isoTime(record.timestamp)
  const call = callOf(record)
  if (call) return jsonOfCall(call, time, levelOf(record))
  const { message, fields } = noteOf(record)
  const named = { time, level: levelOf(record), event: 'note', message }
  // `named` comes first for the order of the keys, and again last because no field may replace one of them.
  return `${toJson({ ...named, ...fields, ...named })}\n`
}

/** Written by hand because every call has such a line: takes a third of the time of JSON.stringify. */
function jsonOfCall(call: FinishedCall, time: string, level: string): string {
  return (
    `{"time":"${time}","level":"${level}","event":"call","request_id":${quoted(call.requestId)},` +
    `"client":${quoted(call.client)},"caller":${quoted(call.caller)},"user":${quotedOrNull(call.user)},` +
    `"class":"${call.class}","model":${quotedOrNull(call.model)},` +
    `"path":${quoted(call.path)},"outcome":"${call.outcome}",` +
    `"reason":${quotedOrNull(reasonOf(call))},"status":${call.status},` +
    `"wait_ms":${hundredths(call.waitMs)},"first_byte_ms":${call.firstByteMs === null ? null : hundredths(call.firstByteMs)},` +
    `"total_ms":${hundredths(call.totalMs)},"load_ms":${hundredths(call.loadMs)},` +
    `"bytes_in":${call.bytesIn},"bytes_out":${call.bytesOut},` +
    `"tokens_in":${call.tokensIn},"tokens_out":${call.tokensOut},"num_ctx":${call.numCtx}${signsOf(call)}}\n`
  )
}

/** Only of a call that got signs of life. */
function signsOf({ lateStatus, signsMs }: FinishedCall): string {
  return signsMs === null ? '' : `,"signs_ms":${hundredths(signsMs)},"late_status":${lateStatus}`
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function quoted(text: string): string {
  const brief = short(text)
  return PLAIN.test(brief) ? `"${brief}"` : printable(JSON.stringify(brief))
}

function quotedOrNull(text: string | null): string | null {
  return text === null ? null : quoted(text)
}

let lastTimestamp = Number.NaN
let lastTime = ''

/** Keeps the last result: lines come in batches, and most lines of a batch have the same millisecond. */
function isoTime(timestamp: number): string {
  if (timestamp !== lastTimestamp) {
    lastTimestamp = timestamp
    lastTime = new Date(timestamp).toISOString()
  }
  return lastTime
}

/** One line for people to read, and a line break. */
export function formatText(record: LogRecord): string {
  const head = `${isoTime(record.timestamp)} ${levelOf(record).padEnd(5)}`
  const call = callOf(record)
  if (!call) {
    const { message, fields } = noteOf(record)
    return `${[head, printable(message), ...words(fields)].join(' ')}\n`
  }
  const { model, outcome, reason, status, ...figures } = callFields(call)
  const why = reason === null ? outcome : `${outcome} (${reason})`
  return `${[head, word(model ?? '-'), why, status, ...words(figures)].join(' ')}\n`
}

function callFields(call: FinishedCall) {
  return {
    request_id: short(call.requestId),
    client: short(call.client),
    caller: short(call.caller),
    user: call.user === null ? null : short(call.user),
    class: call.class,
    model: call.model === null ? null : short(call.model),
    path: short(call.path),
    outcome: call.outcome,
    reason: reasonOf(call),
    status: call.status,
    wait_ms: hundredths(call.waitMs),
    first_byte_ms: call.firstByteMs === null ? null : hundredths(call.firstByteMs),
    total_ms: hundredths(call.totalMs),
    load_ms: hundredths(call.loadMs),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    tokens_in: call.tokensIn,
    tokens_out: call.tokensOut,
    num_ctx: call.numCtx,
    signs_ms: call.signsMs === null ? null : hundredths(call.signsMs),
    late_status: call.lateStatus,
  }
}

/** Why a call was refused, or why Ollama's connection failed. */
function reasonOf({ reason, cause = null }: FinishedCall): string | null {
  return reason ?? cause
}

function isCall(value: unknown): value is FinishedCall {
  return typeof value === 'object' && value !== null && 'requestId' in value && 'outcome' in value
}

function callOf(record: LogRecord): FinishedCall | undefined {
  if (record.rawMessage !== CALL) return undefined
  const { call } = record.properties
  return isCall(call) ? call : undefined
}

/** The text of our own note, or of LogTape's message when a sink fails. */
function noteOf(record: LogRecord): { message: string; fields: Fields } {
  if (record.rawMessage !== NOTE) return { message: record.message.map(plain).join(''), fields: {} }
  const { message, fields } = record.properties
  return { message: plain(message), fields: { ...(typeof fields === 'object' ? fields : {}) } }
}

function levelOf({ level }: LogRecord): string {
  return level === 'warning' ? 'warn' : level
}

/** Characters of a text that a client chooses, so that clients cannot fill the disk. */
const MAX_CLIENT_TEXT = 256

function short(text: string): string {
  return text.length > MAX_CLIENT_TEXT ? `${text.slice(0, MAX_CLIENT_TEXT - 1)}…` : text
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return value.stack ?? String(value)
  if (typeof value !== 'object' || value === null) return String(value)
  return toJson(value)
}

function words(fields: Fields): string[] {
  const known = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)
  return known.map(([key, value]) => `${key}=${word(plain(value))}`)
}

/** Quoted where the text would otherwise read as several words. */
function word(text: string): string {
  return /^[^\s"=]+$/.test(text) ? printable(text) : printable(JSON.stringify(text))
}

// Control characters, line separators, and the marks that change the direction of text.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** JSON whose strings cannot break a line or control a terminal. A value that JSON does not know becomes text. */
function toJson(value: object): string {
  try {
    return printable(JSON.stringify(value, (_key, inner) => jsonValue(inner)))
  } catch {
    return '"[circular]"'
  }
}

function jsonValue(value: unknown): unknown {
  if (value instanceof Error) return plain(value)
  return typeof value === 'bigint' ? String(value) : value
}
