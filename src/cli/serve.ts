import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import { DEFAULT_FILE, type LoadedConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { type LogOutput, openLog } from '../runtimes/process/logging.ts'
import { slotsPerModel } from '../runtimes/process/memory.ts'
import { openUsage } from '../runtimes/process/usage.ts'
import type { RunningProxy } from '../runtimes/runtime.ts'
import { selectRuntime } from '../runtimes/select.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { Tracing } from '../tracing/settings.ts'
import { startTracing } from '../tracing/tracing.ts'
import { openToNetwork, whoManages, whoMayCall } from './access-lines.ts'
import { banner, demoBanner, whoAdministers } from './banner.ts'
import type { Demo } from './demo.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { flagValues, optionFlags } from './flags.ts'
import { keyWarnings } from './key/warnings.ts'
import { onHangup, surviveStrayErrors, untilStopped } from './lifecycle.ts'
import { loadOwn, ownKeysFile, readConfig } from './read-config.ts'
import { whyNotListening } from './start-error.ts'
import { readVersion } from './version.ts'
import { watchFile } from './watch-file.ts'
import { KeysWatch } from './watch-keys.ts'

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
    const source = { read: () => loadOwn(flags), keysFile: () => ownKeysFile(flags) }
    process.exit(await serve(loaded, source, args.demo === true))
  },
})

/** Where the configuration comes from. */
interface ConfigSource {
  /** @throws ConfigError with every problem */
  readonly read: () => LoadedConfig
  /** The path of keys_file, also while that file is wrong. @throws ConfigError where the configuration is wrong */
  readonly keysFile: () => string | undefined
}

/** Runs the proxy until a signal ends it, and closes log and simulator. Returns the exit code. */
async function serve(given: LoadedConfig, source: ConfigSource, demo: boolean): Promise<number> {
  let simulated: Demo | undefined
  try {
    const output = await openLog(given.config)
    try {
      if (demo) simulated = await (await import('./demo.ts')).startDemo()
      return await guard(given, source, output, simulated)
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
  source: ConfigSource,
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
  const usage = await openUsage(loaded.config, log)
  let keysWatch: KeysWatch | undefined
  const reread = () => {
    // Whoever asks for the reading: the next change may come in another file.
    keysWatch?.follow()
    return withDemoUpstream(source.read())
  }
  const running = await runtime.serve({
    loaded,
    log: tracing ? traced(log, tracing) : log,
    version,
    usage,
    reloading: { read: reread, setLogLevel: setLevel, slotsPerModel },
  })
  surviveStrayErrors(log, process)
  const watches = reloadOnChange(running, loaded.configFile ?? DEFAULT_FILE, source.keysFile, log)
  keysWatch = watches.keys
  const stopped = untilStopped(running, log, process)

  const { config } = loaded
  const started = { version, runtime: runtime.name, url: running.url }
  for (const warning of loaded.warnings) log.warn(formatProblem(warning))
  for (const warning of keyWarnings(config)) log.warn(warning)
  const open = openToNetwork(config)
  if (open !== undefined) log.warn(open)
  log.info('listening', {
    ...started,
    upstream: config.ollama_url,
    administration: whoAdministers(config),
    callers: whoMayCall(config),
    management: whoManages(config),
  })
  const upstream = await running.upstreamReachable()
  // stdout holds only log lines.
  process.stderr.write(banner(loaded, started, upstream))
  if (demo) process.stderr.write(demoBanner(running.url, demo))
  const code = await stopped
  watches.stop()
  await tracing?.stop()
  await usage.close()
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

/** Reloads at SIGHUP, and when the configuration or the keys_file changes. */
function reloadOnChange(
  { reload }: RunningProxy,
  path: string,
  keysFile: ConfigSource['keysFile'],
  log: Log,
): { readonly keys: KeysWatch; stop(): void } {
  // The reload itself logs its result. Only an unexpected error arrives here.
  const changed = () =>
    void reload?.().catch((error) => log.error('the configuration was not read', { error }))
  const failed = (file: string, error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    log.warn(`${file} is not watched; after a change send SIGHUP, or POST /admin/reload`, { why })
  }
  onHangup(changed, process)
  const unwatch = watchFile({ path, clock: systemClock, changed, failed: (error) => failed(path, error) })
  const keys = new KeysWatch({ clock: systemClock, changed, failed, keysFile })
  keys.follow()
  return {
    keys,
    stop() {
      unwatch()
      keys.stop()
    },
  }
}

function withUpstream(loaded: LoadedConfig, ollama_url: string): LoadedConfig {
  return {
    ...loaded,
    config: { ...loaded.config, ollama_url },
    sources: { ...loaded.sources, ollama_url: 'flag' },
  }
}
