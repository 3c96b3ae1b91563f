import { once } from 'node:events'
import net from 'node:net'
import { loadConfig } from '../../src/config/load.ts'
import type { FinishedCall } from '../../src/relay/contract.ts'
import { nodeRuntime } from '../../src/runtimes/node/serve.ts'
import type { Log } from '../../src/telemetry/call-log.ts'
import { noUsage } from './no-usage.ts'
import { aRawUpstream, Wire } from './raw-upstream.ts'

export interface NodeHarness {
  readonly url: string
  readonly port: number
  readonly upstream: Awaited<ReturnType<typeof aRawUpstream>>
  readonly calls: FinishedCall[]
  readonly errors: unknown[]
  /** A connection to the gate. */
  client(): Promise<Wire>
  /** Slots taken and calls waiting of `llama2`, as its page tells. */
  lane(): Promise<{ active: number; queued: number }>
  close(): void
}

/**
 * The whole gate on a port of its own, in front of a raw upstream; one slot, unless told otherwise. `prefix`: the path
 * of its `ollama_url`. Everybody may manage: raw requests name any Host.
 */
export async function nodeHarness(
  env: Readonly<Record<string, string>> = {},
  prefix = '',
): Promise<NodeHarness> {
  const upstream = await aRawUpstream()
  const calls: FinishedCall[] = []
  const errors: unknown[] = []
  const log: Log = {
    call: (call) => void calls.push(call),
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => void errors.push({ message, ...fields }),
  }
  const loaded = loadConfig({
    flags: {},
    env: {
      OLLAMA_URL: upstream.url + prefix,
      PROXY_PORT: '0',
      OLLAMA_NUM_PARALLEL: '1',
      MANAGE: 'open',
      ...env,
    },
    readFile: () => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' })
    },
    ownAddresses: [],
  })
  const gate = await nodeRuntime.serve({ loaded, log, version: '0.0.0', usage: noUsage() })
  // The probe is over, so that it holds no connection when the calls come.
  await gate.upstreamReachable()
  const { port } = new URL(gate.url)
  const clients = new Set<net.Socket>()
  return {
    url: gate.url,
    port: Number(port),
    upstream,
    calls,
    errors,
    async client() {
      const socket = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
      clients.add(socket)
      const wire = new Wire(socket)
      await once(socket, 'connect')
      return wire
    },
    async lane() {
      const stats = await fetch(`${gate.url}/queue/stats?model=llama2`)
      const { active_requests: active = 0, queued_requests: queued = 0 } = (await stats.json()) as Record<
        string,
        number
      >
      return { active, queued }
    },
    close() {
      for (const socket of clients) socket.destroy()
      gate.destroy()
      upstream.close()
    },
  }
}
