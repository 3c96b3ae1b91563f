/** What one call used: nothing of its contents. */
export interface UsageRecord {
  /** Milliseconds since 1970 at which the call was over. */
  readonly at: number
  /** Caller.id: the name of a key, or an address. */
  readonly caller: string
  /** Whether `caller` is the name of a key. */
  readonly key: boolean
  /** A person behind the key; null where none is told. */
  readonly user: string | null
  /** Null for a call that names no model. */
  readonly model: string | null
  /** Milliseconds for which the call held slots, times the slots. */
  readonly slotMs: number
  /** Null where Ollama told no figure. */
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  /** The request id, as in the log. */
  readonly id: string
}

/** A record as a line of a file has it. */
export interface WrittenUsage extends UsageRecord {
  /** The run of the proxy that wrote the line. */
  readonly run: string
  /** Grows from line to line of one run. */
  readonly serial: number
}

/** Characters of a text that a line keeps. A client chooses the names of models, and could send megabytes. */
const MOST_TEXT = 256

/** The record as one line of JSON, with its newline. At most some 8 KiB. */
export function usageLine(record: UsageRecord, run: string, serial: number): string {
  const line = {
    at: new Date(record.at).toISOString(),
    caller: clipped(record.caller),
    key: record.key,
    user: record.user === null ? null : clipped(record.user),
    model: record.model === null ? null : clipped(record.model),
    // Microseconds are more than a clock tells.
    slot_ms: Math.round(record.slotMs * 1_000) / 1_000,
    tokens_in: record.tokensIn,
    tokens_out: record.tokensOut,
    id: clipped(record.id),
    run,
    n: serial,
  }
  return `${JSON.stringify(line)}\n`
}

function clipped(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 1)}…`
}

/** Reads a line without its newline. Undefined for a line that is not whole, or not of our making. */
export function parseUsageLine(line: string): WrittenUsage | undefined {
  const fields = objectIn(line)
  if (fields === undefined) return undefined
  const { at, caller, key, user, model, slot_ms, tokens_in, tokens_out, id, run, n } = fields
  const time = typeof at === 'string' ? Date.parse(at) : Number.NaN
  if (Number.isNaN(time) || typeof caller !== 'string' || typeof key !== 'boolean') return undefined
  if (!isAmount(slot_ms) || !isAmountOrNull(tokens_in) || !isAmountOrNull(tokens_out)) return undefined
  if (!isTextOrNull(user) || !isTextOrNull(model) || typeof id !== 'string') return undefined
  if (typeof run !== 'string' || typeof n !== 'number') return undefined
  const [slotMs, tokensIn, tokensOut] = [slot_ms, tokens_in, tokens_out]
  return { at: time, caller, key, user, model, slotMs, tokensIn, tokensOut, id, run, serial: n }
}

function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A sum never goes down, whatever a line says. JSON has no infinity, but 1e999 is read as one. */
function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
}

function isAmountOrNull(value: unknown): value is number | null {
  return value === null || isAmount(value)
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

/**
 * Finds the lines of one file that stand there twice. A run writes its lines in order, and writes a line again when it
 * does not know whether the file has the line already. Several runs may write at once.
 */
export class RepeatedLines {
  /** The last serial of each run. As many entries as the proxy was started while this file was written. */
  readonly #last = new Map<string, number>()

  has({ run, serial }: WrittenUsage): boolean {
    if (serial <= (this.#last.get(run) ?? 0)) return true
    this.#last.set(run, serial)
    return false
  }
}
