import * as z from 'zod'

/** Number of calls with the fault; after these the fault is off. */
const calls = z.int().positive().optional()
/** Inference calls only, or every route. */
const scope = z.enum(['calls', 'all']).default('calls')
/** Pieces of text that are sent before the fault. */
const after = z.int().nonnegative().default(1)

function onOff<T extends z.ZodType>(fields: T) {
  return z
    .union([z.boolean(), z.null(), fields])
    .transform((value) => (value === true ? fields.parse({}) : value || undefined))
    .optional()
}

/** Faults by name. false or null: off. true: on. An object: on, with options. Absent: the fault keeps its state. */
const schema = z.strictObject({
  /** Resets the connection before an answer. */
  refuse: onOff(z.strictObject({ calls, scope })),
  /** Reads the request and never answers. */
  stall: onOff(z.strictObject({ calls, scope })),
  /** Answers 500 before the first byte. */
  fail: onOff(z.strictObject({ calls, scope })),
  /** The runner dies in mid-stream: the stream ends with an error in the route's format. */
  crash: onOff(z.strictObject({ calls, after })),
  /** The stream ends as HTTP should, but without its last part. */
  silence: onOff(z.strictObject({ calls, after })),
  /** Sends half a chunk, then FIN. */
  cut: onOff(z.strictObject({ calls, after })),
  /** Sends half a chunk, then RST. */
  reset: onOff(z.strictObject({ calls, after })),
  /** The call's own work takes `factor` times as long. */
  slow: z
    .union([z.literal(false), z.null(), z.strictObject({ calls, factor: z.number().positive() })])
    .transform((value) => value || undefined)
    .optional(),
})

export type FaultInput = z.input<typeof schema>
type FaultSet = z.output<typeof schema>
export type FaultName = keyof FaultSet

export class Faults {
  readonly #set: FaultSet = {}

  /** Throws a ZodError for invalid input, and changes nothing then. */
  set(input: FaultInput): void {
    this.accept(input)
  }

  /** As set(), for input from outside. */
  accept(input: unknown): void {
    Object.assign(this.#set, schema.parse(input))
  }

  clear(): void {
    for (const name of Object.keys(this.#set) as FaultName[]) delete this.#set[name]
  }

  /** The faults that are on, with the calls that remain for each. */
  snapshot(): FaultSet {
    return structuredClone(this.#set)
  }

  /** The fault, if it is on for this request. Takes one call from the fault's number of calls. */
  take<N extends FaultName>(name: N, isCall = true): NonNullable<FaultSet[N]> | undefined {
    const fault: FaultSet[N] = this.#set[name]
    if (!fault || (!isCall && !('scope' in fault && fault.scope === 'all'))) return undefined
    if (fault.calls !== undefined && --fault.calls === 0) delete this.#set[name]
    return fault
  }
}
