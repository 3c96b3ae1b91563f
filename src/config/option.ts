import { z } from 'zod'

/** Description of an option, the same in --help and in config.yaml. */
export interface About {
  readonly sentence: string
  readonly unit?: string
  /** Environment variable; absent where only the file can set the option. */
  readonly env?: string
  /** Environment variable with the path of a file that holds the value. */
  readonly envFile?: string
  /** Flag without its dashes. */
  readonly flag?: string
  /** The value is never shown. */
  readonly secret?: boolean
  /** The value in the environment may be in capitals, as in LOG_LEVEL=INFO. */
  readonly anyCase?: boolean
  /** A text that only other programs accept in this variable: the value it stands for here, and the warning to log. */
  readonly alsoInEnvironment?: { readonly text: string; readonly value: unknown; readonly warning: string }
  /** Keys inside the value, to name the nearest one for an unknown key. */
  readonly innerKeys?: readonly string[]
  /** The value in the environment is JSON. */
  readonly json?: true
  /** The value in the environment is a list with commas. */
  readonly list?: true
  /** A value to show for an option without a default, or with an empty default. */
  readonly example?: unknown
}

export interface OptionAbout extends About {
  /** The default as a user writes it, before parsing; undefined where the option is unset by default. */
  readonly defaultWritten?: unknown
}

const registry = z.registry<OptionAbout>()

export function option<S extends z.ZodType>(
  schema: S,
  written: z.core.util.NoUndefined<z.input<S>>,
  about: About,
) {
  const described = z.prefault(schema, written)
  registry.add(described, { ...about, defaultWritten: written })
  return described
}

export function unsetOption<S extends z.ZodType>(schema: S, about: About) {
  const described = z.optional(schema)
  registry.add(described, about)
  return described
}

/** The description of an option; undefined for a schema that is none. */
export function aboutOf(schema: z.ZodType): OptionAbout | undefined {
  return registry.get(schema)
}

export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T
