import { z } from 'zod'
import {
  integer,
  levels,
  MOST_PARALLEL,
  MOST_QUEUED,
  modelSets,
  numberFrom,
  oneOf,
  seconds,
  settings,
} from './values.ts'

// The options whose values are maps, each with its default as a user writes it.

/** Limits of one model. */
export const modelLimits = z.strictObject(
  {
    parallel_limit: integer(1, MOST_PARALLEL).optional(),
    queue_limit: integer(0, MOST_QUEUED).optional(),
  },
  { error: 'expected a map of parallel_limit and queue_limit' },
)

export const TURN = { max_wait: 120, max_switching: 15, together: [] }

export const turn = settings(
  {
    max_wait: seconds('above zero').prefault(TURN.max_wait),
    max_switching: numberFrom('percent', 0, 100).prefault(TURN.max_switching),
    together: modelSets().prefault(TURN.together),
  },
  'a map of max_wait, max_switching and together',
)

/** A sign every tenth of a second is enough for any proxy. An hour is longer than any proxy waits. */
const sign = () => numberFrom('seconds', 0.1, 3_600)

export const WAITING = { when: 'auto' as const, after: 20, every: 15 }

export const waiting = settings(
  {
    when: oneOf(['off', 'auto', 'always']).prefault(WAITING.when),
    after: sign().prefault(WAITING.after),
    every: sign().prefault(WAITING.every),
  },
  'a map of when, after and every',
)

/** `window` is at least two samples of 5 s and at most the 300 s for which samples are kept. */
export const ALERTS = {
  window: 60,
  rejection_rate: { warning: 1, critical: 5 },
  average_wait: { warning: 5, critical: 10 },
  queue_depth: { warning: 80, critical: 95 },
  memory: { warning: 80, critical: 90 },
  parallel_too_high: 'on' as const,
  reloads: 'on' as const,
  loading: 'on' as const,
  model_stuck: 'on' as const,
}

export const alerts = settings(
  {
    window: numberFrom('seconds', 10, 300).prefault(ALERTS.window),
    rejection_rate: levels('percent', ALERTS.rejection_rate),
    average_wait: levels('seconds', ALERTS.average_wait),
    queue_depth: levels('percent', ALERTS.queue_depth),
    memory: levels('percent', ALERTS.memory),
    parallel_too_high: oneOf(['on', 'off']).prefault(ALERTS.parallel_too_high),
    reloads: oneOf(['on', 'off']).prefault(ALERTS.reloads),
    loading: oneOf(['on', 'off']).prefault(ALERTS.loading),
    model_stuck: oneOf(['on', 'off']).prefault(ALERTS.model_stuck),
  },
  'a map of window, rejection_rate, average_wait, queue_depth, memory, parallel_too_high, reloads, loading and model_stuck',
)
