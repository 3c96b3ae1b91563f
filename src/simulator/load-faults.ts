import * as z from 'zod'

/** Why a load fails. oom: out of memory. crash: the runner's process ends for another reason. */
export type LoadFailure = 'oom' | 'crash'

/** The loads of one model that fail. */
export const loadFault = z.strictObject({
  kind: z.enum(['oom', 'crash']),
  /** Number of loads that fail; after these the fault is off. Absent: all. */
  times: z.int().positive().optional(),
  /** Only a load while other models are in memory fails. */
  beside: z.boolean().default(false),
})

export type LoadFaultInput = z.input<typeof loadFault>
type LoadFault = z.output<typeof loadFault>

/** Loads that fail, by the keys of the runners. */
export class LoadFaults {
  readonly #faults = new Map<string, LoadFault>()

  /** Undefined: the model loads again. Throws a ZodError for a wrong fault. */
  set(key: string, fault: LoadFaultInput | undefined): void {
    if (fault) this.#faults.set(key, loadFault.parse(fault))
    else this.#faults.delete(key)
  }

  /** How a load ends that is over now. `beside`: other models are in memory. Undefined: the load succeeds. */
  take(key: string, beside: boolean): LoadFailure | undefined {
    const fault = this.#faults.get(key)
    if (!fault || (fault.beside && !beside)) return undefined
    if (fault.times !== undefined) {
      if (fault.times > 1) this.#faults.set(key, { ...fault, times: fault.times - 1 })
      else this.#faults.delete(key)
    }
    return fault.kind
  }

  /** The faults that are on. `times` are the loads that remain. */
  snapshot(): Record<string, LoadFault> {
    return Object.fromEntries(this.#faults)
  }
}
