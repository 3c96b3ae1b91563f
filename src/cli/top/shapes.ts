import { z } from 'zod'
import * as callers from '../../pages/callers.ts'
import * as pageFields from '../../pages/fields.ts'
import * as health from '../../pages/health.ts'
import * as monitor from '../../pages/monitor.ts'
import * as queue from '../../pages/queue.ts'
import { turnsNow } from '../../pages/turns.ts'

// The fields that this program reads from the pages of a proxy. The proxy may be older or newer than this program:
// only fields that are shown are required, and fields of later versions are optional.

const { concurrency, upstream } = health.health.shape

export const healthPage = health.health
  .pick({ status: true, version: true, runtime: true, uptime_seconds: true, alerts: true })
  .extend({
    timestamp: health.health.shape.timestamp.optional(),
    upstream: upstream
      .pick({ reachable: true, version: true, latency_ms: true })
      .extend({ error: upstream.shape.error.optional() }),
    concurrency: concurrency.pick({ active_requests: true, queued_requests: true }).extend({
      memory: concurrency.shape.memory.pick({ total_gb: true, used_gb: true, percent: true }),
    }),
  })

const { p50, p95 } = pageFields.percentiles.shape
const percentiles = z.object({ p50: p50.nullable(), p95: p95.nullable() })

const { rejection_rate_percent, tokens_per_second } = queue.windowFigures.shape

const { available_slots, effective_limit, limit_reason, paused, runner, stuck } = queue.modelFigures.shape

const modelFigures = queue.modelFigures
  .pick({
    model: true,
    parallel_limit: true,
    queue_limit: true,
    active_requests: true,
    queued_requests: true,
    total_rejected: true,
    total_timed_out: true,
  })
  .extend({
    runner: runner.optional(),
    effective_limit: effective_limit.optional(),
    limit_reason: limit_reason.optional(),
    available_slots: available_slots.optional(),
    paused: paused.optional(),
    stuck: stuck.optional(),
    wait_time_ms: percentiles,
    processing_time_ms: percentiles,
    window: z
      .object({
        rejection_rate_percent: rejection_rate_percent.nullish(),
        tokens_per_second: tokens_per_second.nullish(),
      })
      .optional(),
  })

const turns = turnsNow.pick({ mode: true, loaded: true, next: true, loading_percent: true })

const caller = callers.callerFigures
  .pick({
    caller: true,
    key: true,
    active: true,
    queued: true,
    parallel_limit: true,
    queue_limit: true,
    slot_seconds: true,
    tokens: true,
  })
  .extend({ share: callers.callerWithShare.shape.share.optional() })

export const statsPage = z.object({
  models: z.record(z.string(), modelFigures),
  turns: turns.optional(),
  callers: z.array(caller).optional(),
})

const liveCall = monitor.liveCall.extend({
  ticket: monitor.liveCall.shape.ticket.optional(),
  caller: monitor.liveCall.shape.caller.optional(),
  user: monitor.liveCall.shape.user.optional(),
  class: monitor.liveCall.shape.class.optional(),
  runner: monitor.liveCall.shape.runner.optional(),
  client: monitor.liveCall.shape.client.nullable(),
  waiting_for: monitor.liveCall.shape.waiting_for.optional(),
  waited_ms: monitor.liveCall.shape.waited_ms.nullable(),
  tokens_out: monitor.liveCall.shape.tokens_out.nullable(),
})

export const requestsPage = monitor.requests.extend({ requests: z.array(liveCall) })

const alert = monitor.alert.pick({ level: true, message: true, action: true })

export const alertsPage = z.object({ alerts: z.array(alert) })

export type ShownHealth = z.output<typeof healthPage>
export type ShownModel = z.output<typeof modelFigures>
export type ShownCaller = z.output<typeof caller>
export type ShownTurns = z.output<typeof turns>
export type ShownCall = z.output<typeof liveCall>
export type ShownAlert = z.output<typeof alert>
