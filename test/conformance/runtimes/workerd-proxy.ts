import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { options } from '../../../src/config/schema.ts'
import { startWorkers, useBundle } from './miniflare.ts'

// Whoever kills this process leaves workerd behind, so it runs below a second one that notices.
if (process.send === undefined) fork(import.meta.filename, process.argv.slice(2))
else await serve()

/** Takes the arguments and the variables of `serve` and runs our Worker under them, each option as its variable. */
async function serve(): Promise<void> {
  const flags = options.flatMap(({ flag }) => (flag === undefined ? [] : [flag]))
  const { values } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(
      [...flags, 'config', 'bundle'].map((flag) => [flag, { type: 'string' as const }]),
    ),
  })
  if (values.bundle !== undefined) useBundle(values.bundle)
  const file: unknown = parse(readFileSync(values.config ?? process.env.CONFIG_FILE ?? '/dev/null', 'utf8'))

  const variables: Record<string, string> = {}
  for (const { key, flag, env } of options) {
    const value =
      (flag !== undefined && values[flag]) ||
      (env !== undefined && process.env[env]) ||
      (Object(file) as Record<string, unknown>)[key]
    if (value === undefined || key === 'proxy_port') continue
    if (env === undefined) throw new Error(`${key} has no variable, so a Worker cannot have it`)
    variables[env] = String(value)
  }
  const { urls, dispose } = await startWorkers(variables)
  process.once('disconnect', () => void dispose())
  process.stdout.write(`listens on ${urls[0]}\n`)
}
