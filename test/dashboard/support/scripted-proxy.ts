import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Hono } from 'hono'
import { readDashboard } from '../../../src/runtimes/process/dashboard-files.ts'

/** Serves the real page with events from a test, for events that a real proxy sends seldom. */
export class ScriptedProxy {
  readonly url: string
  /** How many connections asked for events. */
  listeners = 0
  readonly #server: Server
  readonly #first: () => Readonly<Record<string, unknown>>
  readonly #streams = new Set<ServerResponse>()

  private constructor(server: Server, first: () => Readonly<Record<string, unknown>>) {
    this.#server = server
    this.#first = first
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** `first`: the events that each connection gets at once, by kind. */
  static async start(first: () => Readonly<Record<string, unknown>>): Promise<ScriptedProxy> {
    const dashboard = readDashboard()
    const app = new Hono().get('/dashboard', dashboard).get('/dashboard/*', dashboard)
    const server = createServer(async (request, response) => {
      if (request.url === '/queue/events') return proxy.#listen(response)
      const answer = await app.fetch(new Request(`http://localhost${request.url}`))
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(Buffer.from(await answer.arrayBuffer()))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const proxy = new ScriptedProxy(server, first)
    return proxy
  }

  send(kind: string, data: unknown): void {
    for (const stream of this.#streams) stream.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** Ends the streams, as a proxy does when it shuts down. */
  hangUp(): void {
    for (const stream of this.#streams) stream.end()
    this.#streams.clear()
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #listen(response: ServerResponse): void {
    this.listeners++
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('retry: 200\n\n')
    for (const [kind, data] of Object.entries(this.#first()))
      response.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
  }
}

export function health(startedAt: Date, status = 'healthy'): object {
  const now = Date.now()
  return {
    status,
    timestamp: new Date(now).toISOString(),
    version: '0.1.0',
    runtime: 'node',
    uptime_seconds: (now - startedAt.getTime()) / 1_000,
    upstream: { reachable: true, version: '0.33.0', latency_ms: 1.2, checked_at: null },
    concurrency: {
      memory: { total_gb: 32, available_gb: 5, used_gb: 27, percent: 84, recommended_parallel: 1 },
    },
    alerts: [],
  }
}

/** A page of /queue/stats, from the numbers of running and waiting calls by model. `changes`: other fields by model. */
export function stats(
  models: Readonly<Record<string, readonly [running: number, waiting: number]>>,
  changes: Readonly<Record<string, object>> = {},
): object {
  const entries = Object.entries(models).map(([model, [running, waiting]]) => [
    model,
    {
      model,
      runner: model,
      aliases: [],
      parallel_limit: 4,
      effective_limit: 4,
      limit_reason: 'configured',
      available_slots: Math.max(0, 4 - running),
      queue_limit: 40,
      active_requests: running,
      queued_requests: waiting,
      total_processed: 1_234_567,
      total_rejected: 12,
      total_timed_out: 3,
      total_cancelled: 2,
      total_failed: 1,
      paused: waiting > 0 && running === 0,
      window: { seconds: 60, rejection_rate_percent: 1.25, tokens_per_second: 84.2 },
      ...changes[model],
    },
  ])
  return {
    default_parallel: 4,
    default_queue_limit: 512,
    total_models: entries.length,
    models: Object.fromEntries(entries),
    turns: NO_TURNS,
  }
}

/** A page of /queue/requests with the waiting calls `ids`. */
export function waiting(ids: readonly string[], call: object = {}): object {
  const requests = ids.map((id, index) => ({
    id,
    model: 'llama2',
    client: '10.0.0.7',
    path: '/api/chat',
    state: 'waiting',
    position: index + 1,
    waited_ms: 1_000 * index,
    estimated_start_ms: 900 * index,
    running_ms: null,
    bytes_in: 512,
    bytes_out: 0,
    tokens_out: 0,
    ...call,
  }))
  return { total: requests.length, requests }
}

/** The turns of a proxy that has loaded nothing. */
export const NO_TURNS = {
  mode: 'auto',
  loaded: [],
  next: null,
  credit_ms: 0,
  together: [],
  apart: [],
  loads: {},
  loading_percent: 0,
}
export const NO_HISTORY = { interval_seconds: 5, samples: [], turns: [] }
export const NO_ALERTS = { window_seconds: 60, thresholds: {}, alerts: [] }
