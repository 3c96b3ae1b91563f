import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import { DEFAULT_FILE, type LoadedConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { type LogOutput, openLog } from '../runtimes/process/logging.ts'
import { slotsPerModel } from '../runtimes/process/memory.ts'
import type { RunningProxy } from '../runtimes/runtime.ts'
import { selectRuntime } from '../runtimes/select.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { Tracing } from '../tracing/settings.ts'
import { startTracing } from '../tracing/tracing.ts'
import { banner, demoBanner, whoAdministers } from './banner.ts'
import type { Demo } from './demo.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { flagValues, optionFlags } from './flags.ts'
import { onHangup, surviveStrayErrors, untilStopped } from './lifecycle.ts'
import { loadOwn, readConfig } from './read-config.ts'
import { whyNotListening } from './start-error.ts'
import { readVersion } from './version.ts'
import { watchFile } from './watch-file.ts'

export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Guard an Ollama (the default command).' },
  args: {
    ...optionFlags,
    demo: {
      type: 'boolean',
      description: 'Guard a simulated Ollama that runs inside this process, to try the proxy.',
    },
  },
  async run({ args }) {
    const flags = flagValues(args)
    if (args.demo === true && flags.upstream !== undefined) {
      process.stderr.write('--demo guards its own simulated Ollama: remove --upstream\n')
      return EXIT_USAGE
    }
    const loaded = readConfig(flags)
    if (!loaded) return EXIT_CONFIG
    // An open connection must not keep a stopped proxy alive.
    process.exit(await serve(loaded, () => loadOwn(flags), args.demo === true))
  },
})

/** Runs the proxy until a signal ends it, and closes log and simulator. Returns the exit code. */
async function serve(given: LoadedConfig, read: () => LoadedConfig, demo: boolean): Promise<number> {
  let simulated: Demo | undefined
  try {
    const output = await openLog(given.config)
    try {
      if (demo) simulated = await (await import('./demo.ts')).startDemo()
      return await guard(given, read, output, simulated)
    } finally {
      await output.close()
    }
  } catch (error) {
    process.stderr.write(`${whyNotListening(error, given.config)}\n`)
    return EXIT_FAILED
  } finally {
    await simulated?.close()
  }
}

async function guard(
  given: LoadedConfig,
  read: () => LoadedConfig,
  { log, setLevel }: LogOutput,
  demo: Demo | undefined,
): Promise<number> {
  const withDemoUpstream = (config: LoadedConfig) => (demo ? withUpstream(config, demo.url) : config)
  const loaded = withDemoUpstream(given)
  const runtime = await selectRuntime()
  const version = readVersion()
  const tracing = await startTracing({
    env: process.env,
    version,
    clock: systemClock,
    log,
    upstreamUrl: loaded.config.ollama_url,
  })
  const running = await runtime.serve(loaded, tracing ? traced(log, tracing) : log, version, {
    read: () => withDemoUpstream(read()),
    setLogLevel: setLevel,
    slotsPerModel,
  })
  surviveStrayErrors(log, process)
  const unwatch = reloadOnChange(running, loaded.configFile ?? DEFAULT_FILE, log)
  const stopped = untilStopped(running, log, process)

  const started = { version, runtime: runtime.name, url: running.url }
  for (const warning of loaded.warnings) log.warn(formatProblem(warning))
  const administration = whoAdministers(loaded.config)
  log.info('listening', { ...started, upstream: loaded.config.ollama_url, administration })
  const upstream = await running.upstreamReachable()
  // stdout holds only log lines.
  process.stderr.write(banner(loaded, started, upstream))
  if (demo) process.stderr.write(demoBanner(running.url, demo))
  const code = await stopped
  unwatch()
  await tracing?.stop()
  return code
}

/** A log that also makes the spans of each finished call. */
function traced(log: Log, tracing: Tracing): Log {
  return {
    ...log,
    call(finished) {
      log.call(finished)
      tracing.call(finished)
    },
  }
}

/** Reloads at SIGHUP and when the file changes. Returns a function that ends the watch over the file. */
function reloadOnChange({ reload }: RunningProxy, path: string, log: Log): () => void {
  // The reload itself logs its result. Only an unexpected error arrives here.
  const run = () => void reload?.().catch((error) => log.error('the configuration was not read', { error }))
  onHangup(run, process)
  return watchFile({
    path,
    clock: systemClock,
    changed: run,
    failed: (error) => {
      const why = error instanceof Error ? error.message : String(error)
      log.warn(`${path} is not watched; after a change send SIGHUP, or POST /admin/reload`, { why })
    },
  })
}

function withUpstream(loaded: LoadedConfig, ollama_url: string): LoadedConfig {
  return {
    ...loaded,
    config: { ...loaded.config, ollama_url },
    sources: { ...loaded.sources, ollama_url: 'flag' },
  }
}
