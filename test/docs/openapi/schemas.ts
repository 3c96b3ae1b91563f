import type { z } from 'zod'
import * as callers from '../../../src/pages/callers.ts'
import * as fairness from '../../../src/pages/fairness.ts'
import * as fields from '../../../src/pages/fields.ts'
import * as health from '../../../src/pages/health.ts'
import * as me from '../../../src/pages/me.ts'
import * as monitor from '../../../src/pages/monitor.ts'
import * as ownCall from '../../../src/pages/own-call.ts'
import * as queue from '../../../src/pages/queue.ts'
import * as turns from '../../../src/pages/turns.ts'
import * as admin from './admin.ts'
import { config, source } from './config.ts'

/** The schemas that the description names, and that other schemas refer to. */
export const SCHEMAS = {
  Health: health.health,
  Upstream: health.upstream,
  NamedUpstream: health.namedUpstream,
  UpstreamError: health.cause,
  Live: health.live,
  Ready: health.ready,
  NotReady: health.notReady,
  Memory: queue.memory,
  Stats: queue.stats,
  CallerWithShare: callers.callerWithShare,
  ClassFigures: fairness.classFigures,
  CallerAmounts: callers.amounts,
  Auth: callers.auth,
  Me: me.me,
  ModelFigures: queue.modelFigures,
  Percentiles: fields.percentiles,
  WindowFigures: queue.windowFigures,
  TurnsNow: turns.turnsNow,
  TurnRunner: turns.turnRunner,
  RunnerState: turns.runnerState,
  NextRunner: turns.nextRunner,
  Turn: turns.turn,
  NewestTurns: turns.newestTurns,
  Requests: monitor.requests,
  LiveCall: monitor.liveCall,
  OwnCall: ownCall.ownCall,
  History: monitor.history,
  Sample: monitor.sample,
  ModelSample: monitor.modelSample,
  Spread: monitor.spread,
  Alerts: monitor.alerts,
  Alert: monitor.alert,
  Thresholds: monitor.thresholds,
  Config: config,
  ConfigSource: source,
  UpdateBody: admin.updateBody,
  Updated: admin.updated,
  Reset: admin.reset,
  CancelBody: admin.cancelBody,
  Cancelled: admin.cancelled,
  PauseBody: admin.pauseBody,
  Paused: admin.paused,
  Reloaded: admin.reloaded,
} as const satisfies Record<string, z.ZodType>

export type SchemaName = keyof typeof SCHEMAS
