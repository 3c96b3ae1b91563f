import type { ArgsDef, StringArgDef } from 'citty'
import { nearMiss } from '../config/near-miss.ts'
import { options } from '../config/schema.ts'

export const configFlag: { config: StringArgDef } = {
  config: {
    type: 'string',
    valueHint: 'file',
    description:
      'Configuration file (CONFIG_FILE; default: config.yaml in the working directory, if it exists).',
  },
}

/** The flags of all options, with the descriptions of config.yaml. */
export const optionFlags: Record<string, StringArgDef> = {
  ...configFlag,
  ...Object.fromEntries(
    options.flatMap(({ flag, key, sentence, unit, env, defaultWritten }) => {
      if (flag === undefined) return []
      const facts = [key, env, `default ${String(defaultWritten)}`].filter(Boolean).join(', ')
      return [[flag, { type: 'string', valueHint: unit ?? flag, description: `${sentence} (${facts})` }]]
    }),
  ),
}

/** The values of the flags that loadConfig reads. */
export function flagValues(args: Readonly<Record<string, unknown>>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.keys(optionFlags).map((name) => {
      const value = args[name]
      return [name, typeof value === 'string' ? value : undefined]
    }),
  )
}

/** All values of a flag that may be given several times: citty keeps the last one. `args` has no mistake. */
export function allOf(args: readonly string[], flag: string): string[] {
  return args.flatMap((arg, index) => {
    if (arg === `--${flag}`) return args.slice(index + 1, index + 2)
    return arg.startsWith(`--${flag}=`) ? [arg.slice(flag.length + 3)] : []
  })
}

/** Returns a mistake in the arguments that citty itself lets pass; undefined when there is none. */
export function findMistake(args: readonly string[], defined: ArgsDef): string | undefined {
  const positionals = Object.entries(defined).filter(([, { type }]) => type === 'positional')
  // A name with an ellipsis stands for one or more.
  const isOpen = positionals.some(([name]) => name.endsWith('…'))
  let positions = isOpen ? Number.POSITIVE_INFINITY : positionals.length
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    const [, dashes, name = '', value] = /^(--?)([^=]*)(=.*)?$/s.exec(arg) ?? []
    if (dashes === undefined && positions-- > 0) continue
    if (dashes === undefined || name === '') return `unexpected argument ${arg}`
    const definition = Object.hasOwn(defined, name) ? defined[name] : undefined
    if (!definition) {
      const meant = nearMiss(name, [...Object.keys(defined), 'help', 'version'])
      return `unknown flag ${dashes}${name}${meant === undefined ? '' : `; did you mean --${meant}?`}`
    }
    if (definition.type === 'boolean') {
      if (value !== undefined) return `flag ${dashes}${name} takes no value`
    } else if (value === '=' || (value === undefined && !args[++i]))
      return `flag ${dashes}${name} needs a value`
  }
  return undefined
}
