import * as z from 'zod'

const calls = z
  .int()
  .positive()
  .optional()
  .meta({ description: 'Only for so many calls, then it is off again.' })
const scope = z
  .enum(['calls', 'all'])
  .default('calls')
  .meta({ description: 'Inference calls alone, or every route.' })
const after = z
  .int()
  .nonnegative()
  .default(1)
  .meta({ description: 'Pieces of text that are sent whole before.' })

function onOff<T extends z.ZodType>(fields: T) {
  return z
    .union([z.boolean(), z.null(), fields])
    .transform((value) => (value === true ? fields.parse({}) : value || undefined))
    .optional()
}

/** Every fault by its name: false or null switches it off, true on, an object says more. Names left out stay as they are. */
const schema = z.strictObject({
  /** The connection is reset before an answer. */
  refuse: onOff(z.strictObject({ calls, scope })),
  /** The request is taken and never answered. */
  stall: onOff(z.strictObject({ calls, scope })),
  /** 500 before the first byte. */
  fail: onOff(z.strictObject({ calls, scope })),
  /** The runner dies in mid-stream: an error in the dialect's way, a clean end. */
  crash: onOff(z.strictObject({ calls, after })),
  /** The stream ends cleanly without its last part. */
  silence: onOff(z.strictObject({ calls, after })),
  /** Half a chunk, then FIN. */
  cut: onOff(z.strictObject({ calls, after })),
  /** Half a chunk, then RST. */
  reset: onOff(z.strictObject({ calls, after })),
  /** The call's own work takes `factor` times as long. */
  slow: z
    .union([
      z.literal(false),
      z.null(),
      z.strictObject({ calls, factor: z.number().positive().meta({ description: 'Times as long.' }) }),
    ])
    .transform((value) => value || undefined)
    .optional(),
})

export type FaultInput = z.input<typeof schema>
type FaultSet = z.output<typeof schema>
export type FaultName = keyof FaultSet

export class Faults {
  readonly #set: FaultSet = {}

  /** Throws a ZodError, and changes nothing, when the input is not as it should be. */
  set(input: FaultInput): void {
    this.accept(input)
  }

  /** As set(), for input of unknown origin. */
  accept(input: unknown): void {
    const parsed = schema.parse(input)
    Object.assign(this.#set, parsed)
  }

  clear(): void {
    for (const name of Object.keys(this.#set) as FaultName[]) delete this.#set[name]
  }

  /** What is switched on, with the calls that are left. */
  snapshot(): FaultSet {
    return structuredClone(this.#set)
  }

  /** The fault if it hits this request; it is one of its calls then. */
  take<N extends FaultName>(name: N, isCall = true): NonNullable<FaultSet[N]> | undefined {
    const fault: FaultSet[N] = this.#set[name]
    if (!fault || (!isCall && !('scope' in fault && fault.scope === 'all'))) return undefined
    if (fault.calls !== undefined && --fault.calls === 0) delete this.#set[name]
    return fault
  }
}
