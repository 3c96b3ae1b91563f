import type { Logger, LogRecord } from '@logtape/logtape'
import type { FinishedCall } from '../relay/contract.ts'

type Fields = Readonly<Record<string, unknown>>

/** The log of the proxy. What is below log_level costs next to nothing. */
export interface Log {
  /**
   * One line for a call that is over. Done, cancelled and refused calls are information: a refusal is the
   * proxy doing its work. Failed and timed-out ones are warnings.
   */
  call(finished: FinishedCall): void
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

/** A log whose logger can be told to log more or less. */
export interface AdjustableLog extends Log {
  /** To be called once the logger has another lowest level, which calls do not look up. */
  levelChanged(): void
}

// Braces in a LogTape message are placeholders, so our own text travels as a property beside these two names.
const CALL = 'call'
const NOTE = 'note'

/**
 * `takeCall` gets the records of calls past the logger, which costs more than the rest of the line: there is one
 * with every call, and all it would do is to hand it on.
 */
export function createLog(logger: Logger, takeCall: (record: LogRecord) => void): AdjustableLog {
  const look = () => ({ info: logger.isEnabledFor('info'), warning: logger.isEnabledFor('warning') })
  let levels = look()
  const { category } = logger
  return {
    call(call) {
      const level = call.outcome === 'failed' || call.outcome === 'timed_out' ? 'warning' : 'info'
      if (!levels[level]) return
      const timestamp = Date.now()
      takeCall({ category, level, message: [], rawMessage: CALL, timestamp, properties: { call } })
    },
    debug: (message, fields) => logger.debug(NOTE, { message, fields }),
    info: (message, fields) => logger.info(NOTE, { message, fields }),
    warn: (message, fields) => logger.warn(NOTE, { message, fields }),
    error: (message, fields) => logger.error(NOTE, { message, fields }),
    levelChanged() {
      levels = look()
    },
  }
}

/** One JSON object and a line break; keys always in the same order. */
export function formatJson(record: LogRecord): string {
  const time = isoTime(record.timestamp)
  const call = callOf(record)
  if (call) return jsonOfCall(call, time, levelOf(record))
  const { message, fields } = noteOf(record)
  const named = { time, level: levelOf(record), event: 'note', message }
  // Spread twice: a field may not replace what every line has.
  return `${toJson({ ...named, ...fields, ...named })}\n`
}

/** By hand, because every call has one: a third of what JSON.stringify takes for it. */
function jsonOfCall(call: FinishedCall, time: string, level: string): string {
  const reason = reasonOf(call)
  return (
    `{"time":"${time}","level":"${level}","event":"call","request_id":${quoted(call.requestId)},` +
    `"client":${quoted(call.client)},"model":${call.model === null ? null : quoted(call.model)},` +
    `"path":${quoted(call.path)},"outcome":"${call.outcome}",` +
    `"reason":${reason === null ? null : quoted(reason)},"status":${call.status},` +
    `"wait_ms":${round(call.waitMs)},"first_byte_ms":${call.firstByteMs === null ? null : round(call.firstByteMs)},` +
    `"total_ms":${round(call.totalMs)},"bytes_in":${call.bytesIn},"bytes_out":${call.bytesOut},` +
    `"tokens_in":${call.tokensIn},"tokens_out":${call.tokensOut}}\n`
  )
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function quoted(text: string): string {
  const brief = short(text)
  return PLAIN.test(brief) ? `"${brief}"` : printable(JSON.stringify(brief))
}

let lastTimestamp = Number.NaN
let lastTime = ''

/** Lines come in batches, most of one batch within a few milliseconds. */
function isoTime(timestamp: number): string {
  if (timestamp !== lastTimestamp) {
    lastTimestamp = timestamp
    lastTime = new Date(timestamp).toISOString()
  }
  return lastTime
}

/** One line to read, and a line break. */
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
    model: call.model === null ? null : short(call.model),
    path: short(call.path),
    outcome: call.outcome,
    reason: reasonOf(call),
    status: call.status,
    wait_ms: round(call.waitMs),
    first_byte_ms: call.firstByteMs === null ? null : round(call.firstByteMs),
    total_ms: round(call.totalMs),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    tokens_in: call.tokensIn,
    tokens_out: call.tokensOut,
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

/** Our own notes, and what LogTape itself has to say when a sink fails. */
function noteOf(record: LogRecord): { message: string; fields: Fields } {
  if (record.rawMessage !== NOTE) return { message: record.message.map(plain).join(''), fields: {} }
  const { message, fields } = record.properties
  return { message: plain(message), fields: { ...(typeof fields === 'object' ? fields : {}) } }
}

function levelOf({ level }: LogRecord): string {
  return level === 'warning' ? 'warn' : level
}

/** To 0.01. */
function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** A client chooses these texts, so they must not fill the disk. */
const LONGEST = 256

function short(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
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

/** Quoted where it would otherwise read as several words. */
function word(text: string): string {
  return /^[^\s"=]+$/.test(text) ? printable(text) : printable(JSON.stringify(text))
}

// Control characters, line separators and the marks that turn the direction of text around.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** JSON whose strings cannot break a line or steer a terminal; what JSON cannot say becomes text. */
function toJson(value: object): string {
  try {
    return printable(
      JSON.stringify(value, (_key, inner) => (inner instanceof Error ? plain(inner) : sayable(inner))),
    )
  } catch {
    return '"[circular]"'
  }
}

function sayable(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
