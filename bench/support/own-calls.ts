import { loadConfig } from '../../src/config/load.ts'
import { nodeRuntime } from '../../src/runtimes/node/serve.ts'
import type { Log } from '../../src/telemetry/call-log.ts'
import { noUsage } from '../../test/support/no-usage.ts'
import { sendCalls } from './fixed-load.ts'
import { startUpstream } from './programs.ts'
import type { StepCounter } from './steps.ts'

const CALLS = 1_000

/** The proxy's own code, without its packages. */
const OWN = /\/src\//

const SILENT: Log = { call() {}, debug() {}, info() {}, warn() {}, error() {} }

/** Steps of a call in all rooms of the proxy. The proxy runs in this process; its calls come one after another. */
export async function stepsOfACall(counter: StepCounter): Promise<number> {
  const upstream = await startUpstream()
  const loaded = loadConfig({
    flags: {},
    env: { OLLAMA_URL: upstream.url, PROXY_PORT: '0' },
    readFile: () => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' })
    },
    ownAddresses: [],
  })
  const proxy = await nodeRuntime.serve({ loaded, log: SILENT, version: '0.0.0', usage: noUsage() })
  try {
    await sendCalls(proxy.url, CALLS, 1)
    return (await counter.during(OWN, () => sendCalls(proxy.url, CALLS, 1))) / CALLS
  } finally {
    proxy.destroy()
    await upstream.stop()
  }
}
