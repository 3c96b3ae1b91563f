import { LOAD_MS } from '../admission/contract.ts'
import { CALL_CLASSES, type CallClass } from '../callers/caller.ts'

/**
 * How a recorded call ended. The first four held a slot. refused: found no place. expired: was in line until its
 * deadline. left: its client left while the call was in line.
 */
const RECORDED_ENDS = ['done', 'failed', 'cancelled', 'timed_out', 'refused', 'expired', 'left'] as const
export type RecordedEnd = (typeof RECORDED_ENDS)[number]

/** One call as a log or a trace has it. Times in milliseconds. */
export interface RecordedCall {
  /** Since 1970. */
  readonly arrivedAt: number
  /** Model key. */
  readonly model: string
  /** Caller.id. */
  readonly caller: string
  readonly user: string | undefined
  readonly class: CallClass
  readonly end: RecordedEnd
  /** Why the call was refused. */
  readonly refusal?: string | undefined
  /** Ollama answered without an error. */
  readonly served: boolean
  /** Ollama has no such model. */
  readonly missing: boolean
  /** In line. */
  readonly waitMs: number
  /** In a slot, without a load of the model; 0 for a call that got no slot. */
  readonly heldMs: number
  /** From the grant to the first byte, without the load of the model. Infinity: there was no first byte. */
  readonly firstByteMs: number
  /** As Ollama tells; 0: not told. Below LOAD_MS this is no load, and counts as a part of `heldMs`. */
  readonly loadMs: number
  /** From the arrival to the moment at which the client left the line. Infinity: the client stayed. */
  readonly patienceMs: number
  /** Of the body. */
  readonly bytes: number
  /** Undefined: left to Ollama. */
  readonly numCtx: number | undefined
  /** The route makes embeddings. */
  readonly embeds: boolean
}

/** A day of a large site has fifty thousand calls. So many take half a gigabyte. */
const MOST_CALLS = 5_000_000

/** More calls than replay keeps in memory. */
export class TooManyCalls extends Error {
  override readonly name = 'TooManyCalls'
}

type ColumnValues = Float64Array | Uint32Array | Uint8Array

/** A list of numbers in one block of memory: an object for each call of a gigabyte of log would take gigabytes. */
class NumberColumn {
  #values: ColumnValues
  #length = 0

  constructor(values: ColumnValues) {
    this.#values = values
  }

  push(value: number): void {
    const before = this.#values
    if (this.#length === before.length) {
      const Kind = before.constructor as new (length: number) => ColumnValues
      this.#values = new Kind(2 * before.length)
      this.#values.set(before)
    }
    this.#values[this.#length++] = value
  }

  at(index: number): number {
    return this.#values[index] as number
  }
}

/** Texts by number, so that each text stands in memory once. */
class Names {
  readonly list: string[] = []
  readonly #numbers = new Map<string, number>()

  numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.list.length)
    return this.list.push(name) - 1
  }

  at(number: number): string {
    return this.list[number] ?? ''
  }
}

const FIRST_SIZE = 1_024
const doubles = () => new NumberColumn(new Float64Array(FIRST_SIZE))
const integers = () => new NumberColumn(new Uint32Array(FIRST_SIZE))
const bytes = () => new NumberColumn(new Uint8Array(FIRST_SIZE))

const SERVED = 1
const EMBEDS = 2
const MISSING = 4

/** All calls of the files, in columns. */
export class Recording {
  #length = 0
  #firstAt = Number.POSITIVE_INFINITY
  #lastAt = Number.NEGATIVE_INFINITY
  readonly #models = new Names()
  readonly #callers = new Names()
  readonly #users = new Names()
  readonly #refusals = new Names()
  readonly #columns = {
    ...{ arrivedAt: doubles(), waitMs: doubles(), heldMs: doubles(), firstByteMs: doubles() },
    ...{ loadMs: doubles(), patienceMs: doubles(), bytes: doubles() },
    ...{ model: integers(), caller: integers(), user: integers(), refusal: integers(), numCtx: integers() },
    ...{ class: bytes(), end: bytes(), flags: bytes() },
  }

  get length(): number {
    return this.#length
  }

  /** Milliseconds since 1970 of the first arrival. */
  get firstAt(): number {
    return this.#firstAt
  }

  /** Milliseconds since 1970 of the last arrival. */
  get lastAt(): number {
    return this.#lastAt
  }

  get models(): readonly string[] {
    return this.#models.list
  }

  get callers(): readonly string[] {
    return this.#callers.list
  }

  /** @throws TooManyCalls */
  add(call: RecordedCall): void {
    if (this.#length === MOST_CALLS) throw new TooManyCalls(`more than ${MOST_CALLS} calls`)
    const columns = this.#columns
    columns.arrivedAt.push(call.arrivedAt)
    columns.waitMs.push(call.waitMs)
    columns.heldMs.push(call.heldMs)
    columns.firstByteMs.push(call.firstByteMs)
    columns.loadMs.push(call.loadMs)
    columns.patienceMs.push(call.patienceMs)
    columns.bytes.push(call.bytes)
    columns.model.push(this.#models.numberOf(call.model))
    columns.caller.push(this.#callers.numberOf(call.caller))
    // 0 stands for none.
    columns.user.push(call.user === undefined ? 0 : this.#users.numberOf(call.user) + 1)
    columns.refusal.push(call.refusal === undefined ? 0 : this.#refusals.numberOf(call.refusal) + 1)
    columns.numCtx.push(call.numCtx ?? 0)
    columns.class.push(CALL_CLASSES.indexOf(call.class))
    columns.end.push(RECORDED_ENDS.indexOf(call.end))
    const flags = (call.served ? SERVED : 0) | (call.embeds ? EMBEDS : 0) | (call.missing ? MISSING : 0)
    columns.flags.push(flags)
    this.#length++
    this.#firstAt = Math.min(this.#firstAt, call.arrivedAt)
    this.#lastAt = Math.max(this.#lastAt, call.arrivedAt)
  }

  /** The call with this number, from 0 in the order of `add`. */
  at(index: number): RecordedCall {
    const columns = this.#columns
    const [user, refusal] = [columns.user.at(index), columns.refusal.at(index)]
    const flags = columns.flags.at(index)
    return {
      arrivedAt: columns.arrivedAt.at(index),
      model: this.#models.at(columns.model.at(index)),
      caller: this.#callers.at(columns.caller.at(index)),
      user: user === 0 ? undefined : this.#users.at(user - 1),
      class: CALL_CLASSES[columns.class.at(index)] ?? 'normal',
      end: RECORDED_ENDS[columns.end.at(index)] ?? 'done',
      refusal: refusal === 0 ? undefined : this.#refusals.at(refusal - 1),
      served: (flags & SERVED) > 0,
      missing: (flags & MISSING) > 0,
      waitMs: columns.waitMs.at(index),
      heldMs: columns.heldMs.at(index),
      firstByteMs: columns.firstByteMs.at(index),
      loadMs: columns.loadMs.at(index),
      patienceMs: columns.patienceMs.at(index),
      bytes: columns.bytes.at(index),
      numCtx: columns.numCtx.at(index) || undefined,
      embeds: (flags & EMBEDS) > 0,
    }
  }

  /** The number of the caller of a call, as `callers` has it. */
  callerAt(index: number): number {
    return this.#columns.caller.at(index)
  }

  /** The numbers of the calls in the order of their arrival. A log has them in the order of their ends. */
  byArrival(): Uint32Array {
    const { arrivedAt } = this.#columns
    return this.#ordered((index) => arrivedAt.at(index))
  }

  /** The numbers of the calls in the order in which they left the line. */
  byGrant(): Uint32Array {
    const { arrivedAt, waitMs } = this.#columns
    return this.#ordered((index) => arrivedAt.at(index) + waitMs.at(index))
  }

  #ordered(key: (index: number) => number): Uint32Array {
    const order = Uint32Array.from({ length: this.#length }, (_, index) => index)
    return order.sort((a, b) => key(a) - key(b) || a - b)
  }
}

/** The time for which a call waited for the load of its model, in milliseconds. */
export function loadPartOf(loadMs: number): number {
  return loadMs >= LOAD_MS ? loadMs : 0
}

/** Whether a call held a slot. */
export function ran({ end }: Pick<RecordedCall, 'end'>): boolean {
  return end === 'done' || end === 'failed' || end === 'cancelled' || end === 'timed_out'
}
