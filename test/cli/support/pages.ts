/** The pages of a proxy as /health, /queue/stats, /queue/requests and /queue/alerts tell them. */
export const health = {
  status: 'healthy',
  timestamp: '2026-01-01T00:00:00.000Z',
  version: '1.2.3',
  runtime: 'node',
  uptime_seconds: 7980,
  upstream: { reachable: true, version: '0.33.0', latency_ms: 1.2, checked_at: '2026-01-01T00:00:00.000Z' },
  concurrency: {
    default_parallel: 4,
    default_queue_limit: 512,
    total_models: 2,
    active_requests: 4,
    queued_requests: 2,
    memory: { total_gb: 32, available_gb: 18.5, used_gb: 13.5, percent: 42.2, recommended_parallel: 4 },
  },
  alerts: [{ id: 'rejection_rate:llama2', level: 'warning' }],
}

export function aModel(model: string, change: object = {}) {
  return {
    model,
    parallel_limit: 4,
    queue_limit: 512,
    active_requests: 0,
    queued_requests: 0,
    available_slots: 4,
    queue_available: 512,
    total_processed: 10,
    total_rejected: 0,
    total_timed_out: 0,
    total_cancelled: 0,
    total_failed: 0,
    avg_wait_time_ms: 45.23,
    avg_processing_time_ms: 2345.67,
    wait_time_ms: { p50: 40, p95: 1_200, p99: 2_000 },
    processing_time_ms: { p50: 2_300, p95: 8_000, p99: 9_000 },
    uptime_seconds: 3600.5,
    paused: false,
    stuck: false,
    window: {
      seconds: 60,
      rejection_rate_percent: 0,
      avg_wait_seconds: 0.1,
      queue_depth_percent: 1,
      tokens_per_second: 87.5,
    },
    ...change,
  }
}

export function aStatsPage(models: readonly { readonly model: string }[]) {
  return {
    default_parallel: 4,
    default_queue_limit: 512,
    total_models: models.length,
    models: Object.fromEntries(models.map((each) => [each.model, each])),
  }
}

export function aCall(id: string, change: object = {}) {
  return {
    id,
    model: 'llama2',
    client: '10.0.0.7',
    path: '/api/chat',
    state: 'running',
    position: null,
    waited_ms: 120.5,
    estimated_start_ms: null,
    running_ms: 2_300.1,
    bytes_in: 512,
    bytes_out: 10_240,
    tokens_out: 87,
    ...change,
  }
}

export const waiting = {
  state: 'waiting',
  position: 1,
  estimated_start_ms: 800,
  running_ms: null,
  bytes_out: 0,
  tokens_out: 0,
}

export const anAlert = {
  id: 'rejection_rate:llama2',
  metric: 'rejection_rate',
  model: 'llama2',
  level: 'warning',
  value: 3.2,
  threshold: 1,
  unit: 'percent',
  since: '2026-01-01T00:00:00.000Z',
  message: 'llama2 refuses 3.2 % of its calls (warning from 1 %)',
  action: 'Raise its queue_limit or give it more slots.',
}

/** All pages of a proxy under load, by path. */
export function busyPages(): Record<string, unknown> {
  return {
    '/health': health,
    '/health/ready': { status: 'ready' },
    '/queue/stats': aStatsPage([
      aModel('llama2', { active_requests: 4, queued_requests: 2, total_rejected: 12, available_slots: 0 }),
      aModel('qwen2.5:7b', { paused: true }),
    ]),
    '/queue/requests': {
      total: 3,
      requests: [
        aCall('k3f9a1-1'),
        aCall('k3f9a1-2', { client: '2001:db8::7:1' }),
        aCall('k3f9a1-3', waiting),
      ],
    },
    '/queue/alerts': { window_seconds: 60, thresholds: {}, alerts: [anAlert] },
  }
}
