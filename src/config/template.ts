import { stringify } from 'yaml'
import { type Option, type OptionKey, options } from './schema.ts'

/** The value of log_file in the config.yaml of this repository and in files that `setup` writes. */
export const RECOMMENDED_LOG_FILE = 'logs/ollama_guard_proxy.log'

const HEAD = `# Configuration of ollama-guard-proxy.
#
# A line that begins with "#" and a key shows the default, or an example where the comment says so. To set the key,
# remove the "#". A flag wins over the environment, and the environment wins over this file.
# \`ollama-guard-proxy check\` prints the values in force.
# Times are seconds, decimals allowed. Sizes are bytes, or 64KiB, 100MiB, 1GiB.
`

/**
 * The text of a config.yaml with every key, its meaning, unit, environment variable and flag.
 * @param set values that the file sets, as a user writes them; every other key is commented out.
 * @param notes further lines at the top of the file.
 */
export function renderConfigFile(
  set: Readonly<Partial<Record<OptionKey, unknown>>>,
  notes: readonly string[] = [],
): string {
  const head = HEAD + notes.map((note) => `# ${note}\n`).join('')
  return [head, ...options.map((option) => renderOption(option, set[option.key]))].join('\n')
}

function renderOption(option: Option, set: unknown): string {
  const facts = [
    option.unit && `Unit: ${option.unit}.`,
    option.env &&
      `Environment: ${[option.env, option.envFile && `${option.envFile} (a file that holds it)`].filter(Boolean).join(' or ')}.`,
    option.flag && `Flag: --${option.flag}.`,
    option.example !== undefined && `Unset by default.${set === undefined ? ' Example:' : ''}`,
  ]
  const prose = [option.sentence, facts.filter(Boolean).join(' ')]
    .filter(Boolean)
    .map((line) => `# ${line}\n`)
  const setting = stringify(
    { [option.key]: set ?? option.example ?? option.defaultWritten },
    { lineWidth: 0 },
  )
  return prose.join('') + (set === undefined ? setting.replace(/^(?=.)/gm, '#') : setting)
}
