/**
 * The options with which Ollama loads a model: the fields of Runner in its api/types.go. Ollama loads the model again
 * when a call has other values.
 */
export const LOAD_OPTIONS = [
  'num_ctx',
  'num_batch',
  'num_gpu',
  'main_gpu',
  'use_mmap',
  'num_thread',
  'draft_num_predict',
] as const
export type LoadOption = (typeof LOAD_OPTIONS)[number]

/** The values that a call sets. An absent option is automatic: Ollama takes it from the model or from the machine. */
export type LoadOptions = Readonly<Partial<Record<LoadOption, number | boolean>>>

/** One option that two calls set differently. The values are as printed, with at most 20 characters. */
export interface OptionDifference {
  readonly option: LoadOption
  readonly from: string
  readonly to: string
}

/**
 * Reads the options of a call as Ollama does: keys match exactly, null sets nothing, and a number loses its fraction.
 * Values of another type are ignored, because Ollama refuses a call that has them. `raw`: the JSON text of the options.
 */
export function loadOptions(raw: string | undefined): LoadOptions {
  const written = raw === undefined ? undefined : parsed(raw)
  const options: Partial<Record<LoadOption, number | boolean>> = {}
  if (written === undefined) return options
  for (const option of LOAD_OPTIONS) {
    const value = written.get(option)
    if (option === 'use_mmap') {
      if (typeof value === 'boolean') options[option] = value
      // An int64 in Go. A number beyond has no certain value there. The sum turns -0 into 0.
    } else if (typeof value === 'number' && Math.abs(value) < 2 ** 63) options[option] = Math.trunc(value) + 0
  }
  return options
}

/** Equal for equal options. Empty: all options are automatic. */
export function signature(options: LoadOptions): string {
  const set = LOAD_OPTIONS.filter((option) => options[option] !== undefined)
  return set.map((option) => `${option}=${shown(options[option])}`).join(' ')
}

/** The options that differ between two calls. */
export function differences(from: LoadOptions, to: LoadOptions): readonly OptionDifference[] {
  return LOAD_OPTIONS.filter((option) => from[option] !== to[option]).map((option) => ({
    option,
    from: shown(from[option]),
    to: shown(to[option]),
  }))
}

/**
 * The options because of which a runner loaded with `from` must be loaded again for `to`. A call that leaves num_gpu to
 * Ollama fits every runner. A zero of the last two options is their default (server/sched.go, needsReload).
 */
export function reloadCauses(from: LoadOptions, to: LoadOptions): readonly OptionDifference[] {
  return differences(from, to).filter(({ option }) => {
    if (option === 'num_gpu') return Number(to.num_gpu ?? -1) >= 0
    const hasZeroDefault = option === 'num_thread' || option === 'draft_num_predict'
    return !(hasZeroDefault && (from[option] ?? 0) === (to[option] ?? 0))
  })
}

function shown(value: number | boolean | undefined): string {
  return value === undefined ? 'automatic' : String(value)
}

function parsed(raw: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(raw)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}
