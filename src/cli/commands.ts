import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, defineCommand, renderUsage, runCommand, type SubCommandsDef } from 'citty'
import { didYouMean } from '../config/near-miss.ts'
import { EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { findMistake } from './flags.ts'
import { readVersion } from './version.ts'

/** citty's own widest type of a command, as the commands differ in their flags. */
type Load = Extract<SubCommandsDef[string], () => Promise<unknown>>
type Command = Awaited<ReturnType<Load>>

// A command is loaded when it is used: `check` and `setup` need no server.
const COMMANDS: Readonly<Record<string, Load>> = {
  serve: async () => (await import('./serve.ts')).serveCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  key: async () => (await import('./key.ts')).keyCommand,
  setup: async () => (await import('./setup.ts')).setupCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  top: async () => (await import('./top.ts')).topCommand,
  usage: async () => (await import('./usage.ts')).usageCommand,
  replay: async () => (await import('./replay.ts')).replayCommand,
  bench: async () => (await import('./bench.ts')).benchCommand,
  simulate: async () => (await import('./simulate.ts')).simulateCommand,
}
const DEFAULT_COMMAND = 'serve'

/**
 * Runs one command line. citty parses flags and writes the help. Unknown commands and flags are found here, because
 * citty ignores unknown flags and exits with 1 for an unknown command.
 * @returns the exit code, when the command has ended.
 */
export async function run(argv: readonly string[]): Promise<number> {
  const named = argv[0] !== undefined && !argv[0].startsWith('-')
  const name = named ? (argv[0] ?? '') : DEFAULT_COMMAND
  const args = named ? argv.slice(1) : [...argv]
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!load) return misused(`unknown command ${name}${didYouMean(name, Object.keys(COMMANDS))}`)

  const flags = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)
  if (flags.includes('--version') || flags.includes('-v')) {
    process.stdout.write(`${readVersion()}\n`)
    return 0
  }
  const outer = await load()
  const inner = await innerCommand(outer, args)
  if (typeof inner === 'string') return misused(`${name}: ${inner}`)
  const command = inner ?? outer
  if (inner) args.shift()
  const defined = typeof command.args === 'function' ? await command.args() : await command.args
  if (flags.includes('--help') || flags.includes('-h')) {
    await showHelp(command, defined ?? {}, named)
    return 0
  }
  const mistake = findMistake(args, defined ?? {})
  if (mistake !== undefined) return misused(mistake)
  try {
    const { result } = await runCommand(command, { rawArgs: args })
    return typeof result === 'number' ? result : 0
  } catch (error) {
    // A usage error that citty itself found, such as a value outside a list of choices.
    if (error instanceof Error && error.name === 'CLIError')
      return misused(stripVTControlCharacters(error.message))
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    return EXIT_FAILED
  }
}

/** The command within a command, as in `key add`. Undefined: none is named. A text: a mistake. */
async function innerCommand(
  command: Command,
  args: readonly string[],
): Promise<Command | string | undefined> {
  const loads =
    typeof command.subCommands === 'function' ? await command.subCommands() : await command.subCommands
  if (loads === undefined) return undefined
  const names = Object.keys(loads)
  const [given] = args
  if (given === '--help' || given === '-h') return undefined
  if (given === undefined || given.startsWith('-')) return `a command is missing: ${names.join(', ')}`
  const load = Object.hasOwn(loads, given) ? loads[given] : undefined
  if (load === undefined) return `unknown command ${given}${didYouMean(given, names)}`
  return typeof load === 'function' ? await load() : await load
}

function misused(message: string): number {
  process.stderr.write(`${message}\nollama-guard-proxy --help shows the commands and flags\n`)
  return EXIT_USAGE
}

async function showHelp(command: Command, args: ArgsDef, named: boolean): Promise<void> {
  const meta = {
    name: 'ollama-guard-proxy',
    version: readVersion(),
    description: 'Admission control in front of Ollama.',
  }
  // Without a command name, the help shows the flags of the default command.
  const main = defineCommand({ meta, args, subCommands: { ...COMMANDS } })
  const styled = named ? await renderUsage(command, main) : await renderUsage(main)
  const plain = process.stdout.isTTY !== true || Boolean(process.env.NO_COLOR)
  const usage = plain ? stripVTControlCharacters(styled) : styled
  process.stdout.write(`${usage.replace(/ +$/gm, '').trimEnd()}\n`)
}
