import { defineCommand } from 'citty'
import { systemClock } from '../clock.ts'
import type { LoadedConfig } from '../config/load.ts'
import { openLog } from '../runtimes/node/logging.ts'
import { selectRuntime } from '../runtimes/select.ts'
import type { Log } from '../telemetry/call-log.ts'
import { startTracing, type Tracing } from '../tracing/tracing.ts'
import { banner, demoBanner } from './banner.ts'
import type { Demo } from './demo.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts'
import { flagValues, optionFlags } from './flags.ts'
import { surviveStrayErrors, untilStopped } from './lifecycle.ts'
import { readConfig } from './read-config.ts'
import { whyNotListening } from './start-error.ts'
import { readVersion } from './version.ts'

export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Guard an Ollama (the default command).' },
  args: {
    ...optionFlags,
    demo: {
      type: 'boolean',
      description: 'Guard an embedded simulator instead of an Ollama, to look around.',
    },
  },
  async run({ args }) {
    const flags = flagValues(args)
    if (args.demo === true && flags.upstream !== undefined) {
      process.stderr.write('--demo brings an upstream of its own; leave --upstream out\n')
      return EXIT_USAGE
    }
    const loaded = readConfig(flags)
    if (!loaded) return EXIT_CONFIG
    // A connection that somebody keeps open must not keep a stopped proxy alive.
    process.exit(await serve(loaded, args.demo === true))
  },
})

/** From start to end; returns the exit code, with everything that was opened closed again. */
async function serve(given: LoadedConfig, demo: boolean): Promise<number> {
  let simulated: Demo | undefined
  try {
    const { log, close } = await openLog(given.config)
    try {
      if (demo) simulated = await (await import('./demo.ts')).startDemo()
      return await guard(simulated ? withUpstream(given, simulated.url) : given, log, simulated)
    } finally {
      await close()
    }
  } catch (error) {
    process.stderr.write(`${whyNotListening(error, given.config)}\n`)
    return EXIT_FAILED
  } finally {
    await simulated?.close()
  }
}

async function guard(loaded: LoadedConfig, log: Log, demo: Demo | undefined): Promise<number> {
  const runtime = await selectRuntime()
  const version = readVersion()
  const tracing = await startTracing({
    env: process.env,
    version,
    clock: systemClock,
    log,
    upstreamUrl: loaded.config.ollama_url,
  })
  const running = await runtime.serve(loaded, tracing ? traced(log, tracing) : log, version)
  surviveStrayErrors(log, process)
  const stopped = untilStopped(running, log, process)

  const started = { version, runtime: runtime.name, url: running.url }
  log.info('listening', { ...started, upstream: loaded.config.ollama_url })
  const upstream = await running.upstreamReachable()
  // To stderr, so that stdout holds nothing but log lines.
  process.stderr.write(banner(loaded, started, upstream))
  if (demo) process.stderr.write(demoBanner(running.url, demo))
  const code = await stopped
  await tracing?.stop()
  return code
}

/** The log is told of every call once it is over, and that is when its spans are made. */
function traced(log: Log, tracing: Tracing): Log {
  return {
    ...log,
    call(finished) {
      log.call(finished)
      tracing.call(finished)
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
