import { z } from 'zod'

// What is read of the proxy's pages. Fields that came with a later version are optional, so that a proxy which is
// older than this program can be looked at too.

const milliseconds = z.number().nullable()
const percentiles = z.object({ p50: z.number().nullable(), p95: z.number().nullable() })

export const healthPage = z.object({
  /** `healthy`, `degraded` or `draining`. */
  status: z.string(),
  version: z.string(),
  runtime: z.string(),
  uptime_seconds: z.number(),
  upstream: z.object({
    reachable: z.boolean(),
    version: z.string().nullable(),
    latency_ms: milliseconds,
    error: z.object({ code: z.string(), message: z.string(), advice: z.string() }).nullish(),
  }),
  concurrency: z.object({
    active_requests: z.number(),
    queued_requests: z.number(),
    memory: z.object({
      total_gb: z.number().nullable(),
      used_gb: z.number().nullable(),
      percent: z.number().nullable(),
    }),
  }),
  alerts: z.array(z.object({ id: z.string(), level: z.string() })).optional(),
})

const modelFigures = z.object({
  model: z.string(),
  parallel_limit: z.number(),
  queue_limit: z.number(),
  active_requests: z.number(),
  queued_requests: z.number(),
  total_rejected: z.number(),
  total_timed_out: z.number(),
  wait_time_ms: percentiles,
  processing_time_ms: percentiles,
  paused: z.boolean().optional(),
  window: z
    .object({
      rejection_rate_percent: z.number().nullish(),
      tokens_per_second: z.number().nullish(),
    })
    .optional(),
})

export const statsPage = z.object({ models: z.record(z.string(), modelFigures) })

const liveCall = z.object({
  id: z.string(),
  model: z.string().nullable(),
  client: z.string().nullable(),
  path: z.string(),
  state: z.string(),
  position: z.number().nullable(),
  waited_ms: milliseconds,
  estimated_start_ms: milliseconds,
  running_ms: milliseconds,
  bytes_in: z.number(),
  bytes_out: z.number(),
  tokens_out: z.number().nullable(),
})

export const requestsPage = z.object({ total: z.number(), requests: z.array(liveCall) })

const alert = z.object({ level: z.string(), message: z.string(), action: z.string() })

export const alertsPage = z.object({ alerts: z.array(alert) })

export type Health = z.output<typeof healthPage>
export type ModelFigures = z.output<typeof modelFigures>
export type LiveCall = z.output<typeof liveCall>
export type Alert = z.output<typeof alert>
export type Stats = z.output<typeof statsPage>
export type Requests = z.output<typeof requestsPage>
export type Alerts = z.output<typeof alertsPage>
