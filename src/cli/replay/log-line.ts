import { CALL_CLASSES, type CallClass } from '../../callers/caller.ts'
import { loadPartOf, type RecordedCall, type RecordedEnd } from '../../replay/recording.ts'

/** A call that takes longer is no call: the clock has jumped, or the line is not ours. */
export const LONGEST_MS = 86_400_000
const EMBEDDINGS: ReadonlySet<string> = new Set(['/api/embed', '/api/embeddings', '/v1/embeddings'])
/** Refusals that the line of a model has to do with. The others come before the line, and would come again. */
const REFUSALS_OF_LINES: ReadonlySet<string> = new Set([
  'queue_full',
  'load_failed',
  'model_stuck',
  'shutting_down',
])

/** What a line of the log holds. apart: a call that takes no slot, or was refused before it came to a line. */
export type LogLine = RecordedCall | 'apart' | 'note' | 'unreadable'

type LineFields = Readonly<Record<string, unknown>>

/** Reads a line of the log as JSON, as telemetry/call-log.ts writes it. */
export function readLogLine(fields: LineFields): LogLine {
  if (fields.event === 'note') return 'note'
  if (fields.event !== 'call') return 'unreadable'
  const { model, outcome } = fields
  const endedAt = typeof fields.time === 'string' ? Date.parse(fields.time) : Number.NaN
  const totalMs = numberIn(fields, 'total_ms')
  const waitMs = numberIn(fields, 'wait_ms')
  const caller = fields.caller ?? fields.client
  if (Number.isNaN(endedAt) || typeof caller !== 'string' || typeof outcome !== 'string') return 'unreadable'
  // NaN is neither.
  if (!(waitMs >= 0 && waitMs <= totalMs && totalMs <= LONGEST_MS)) return 'unreadable'
  if (model === null) return 'apart'
  if (typeof model !== 'string' || model === '') return 'unreadable'
  const end = endOf(outcome, fields.reason)
  if (end === undefined)
    return typeof fields.reason === 'string' || outcome === 'refused' ? 'apart' : 'unreadable'
  const loadMs = Math.min(numberIn(fields, 'load_ms', 0), totalMs - waitMs)
  const isOver = end === 'refused' || end === 'expired' || end === 'left'
  const firstByteMs = numberIn(fields, 'first_byte_ms', Number.POSITIVE_INFINITY)
  // After signs of life the client was given 200, whatever Ollama answered.
  const status = numberIn(fields, 'late_status', numberIn(fields, 'status', 200))
  if (!(loadMs >= 0) || !(firstByteMs >= 0) || Number.isNaN(status)) return 'unreadable'
  const numCtx = numberIn(fields, 'num_ctx', 0)
  return {
    arrivedAt: endedAt - totalMs,
    model,
    caller,
    waitMs,
    loadMs,
    end,
    user: typeof fields.user === 'string' ? fields.user : undefined,
    class: classIn(fields.class),
    refusal: typeof fields.reason === 'string' ? fields.reason : undefined,
    served: end === 'done' && status < 400,
    missing: end === 'done' && status === 404,
    heldMs: isOver ? 0 : totalMs - waitMs - loadPartOf(loadMs),
    firstByteMs: isOver ? Number.POSITIVE_INFINITY : Math.max(0, firstByteMs - waitMs - loadPartOf(loadMs)),
    patienceMs: end === 'left' ? totalMs : Number.POSITIVE_INFINITY,
    bytes: Math.max(0, numberIn(fields, 'bytes_in', 0)) || 0,
    numCtx: numCtx > 0 && numCtx < 2 ** 32 ? Math.floor(numCtx) : undefined,
    embeds: typeof fields.path === 'string' && EMBEDDINGS.has(fields.path),
  }
}

/** Undefined: the call came to no line, or the outcome is unknown. */
function endOf(outcome: string, reason: unknown): RecordedEnd | undefined {
  if (outcome === 'refused')
    return typeof reason === 'string' && REFUSALS_OF_LINES.has(reason) ? 'refused' : undefined
  // A call that a newer one ended while Ollama had it has another reason.
  if (outcome === 'cancelled') return reason === 'cancelled' || reason === 'superseded' ? 'left' : 'cancelled'
  if (outcome === 'timed_out') return reason === 'timeout' ? 'expired' : 'timed_out'
  return outcome === 'done' || outcome === 'failed' ? outcome : undefined
}

/** NaN for what is no number. `absent`: for a key that is missing or null. */
function numberIn(fields: LineFields, key: string, absent = Number.NaN): number {
  const value = fields[key]
  if (value === undefined || value === null) return absent
  return typeof value === 'number' ? value : Number.NaN
}

/** Older versions wrote no class. */
function classIn(value: unknown): CallClass {
  return CALL_CLASSES.find((each) => each === value) ?? 'normal'
}
