import assert from 'node:assert/strict'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import type { Refusal } from '../../../src/admission/refusal.ts'
import { RequestIds } from '../../../src/relay/call-headers.ts'
import type { FinishedCall, PassedRequest, RelayOptions } from '../../../src/relay/contract.ts'
import type { Failure } from '../../../src/relay/failure.ts'
import { Origins } from '../../../src/relay/origins.ts'
import { QueueKeys } from '../../../src/relay/queue-keys.ts'
import { Relay } from '../../../src/relay/relay.ts'
import { Places } from '../../../src/telemetry/places.ts'
import { LaneStats } from '../../../src/telemetry/stats.ts'
import { OLLAMA } from '../../admission/support/builders.ts'
import { DEFAULT_RULES } from '../../config/support/default-rules.ts'
import { ANYBODY } from '../../support/anybody.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Request, ScriptedRequest } from '../../support/scripted-request.ts'

export const BODY = '{"model":"llama2","messages":[{}]}'

/** A status that no real answer has, so that a test can tell where it came from. */
const ALL_599 = {
  queue_full: 599,
  load_failed: 595,
  model_stuck: 594,
  timeout: 599,
  shutting_down: 599,
  cancelled: 599,
  superseded: 499,
  upstream_error: 599,
  model_not_allowed: 599,
  insufficient_quota: 599,
  body_too_large: 599,
  body_stalled: 599,
  invalid_form: 599,
  invalid_request: 599,
  client_gone: 599,
  internal_error: 599,
}

/** A relay over a real admission of one slot, on a standing clock, whose calls are played by the test. */
export function relayHarness(change: Partial<RelayOptions> & { parallel?: number; queue?: number } = {}) {
  const clock = new ManualClock()
  const released: string[] = []
  const observer = new LaneStats(clock)
  observer.released = (outcome) => void released.push(outcome)
  const { parallel = 1, queue = 4, ...parts } = change
  const admission = new LocalAdmission({
    clock,
    observer: { lane: () => observer },
    upstream: OLLAMA,
    defaults: { parallel, queue },
    maxWaitingBytes: 1e6,
    random: () => 0,
  })
  const finished: FinishedCall[] = []
  const answers: boolean[] = []
  const failedFrom: number[] = []
  const passed: PassedRequest[] = []
  const origins = new Origins()
  const ids = new RequestIds()
  const places = new Places(clock, () => admission.lanes())
  const queueKeys = new QueueKeys()
  const relay = new Relay({
    clock,
    admission,
    refuses: () => undefined,
    queueKeys,
    classFrom: () => DEFAULT_RULES,
    signs: () => ({ when: 'auto', afterMs: 2_000, everyMs: 1_000 }),
    placeOf: (ticket) => places.of(ticket),
    lastWords: (error, { form }) => `${form}:${error.code}`,
    waiting: admission.waiting,
    origins,
    ids,
    requestTimeoutMs: 10_000,
    firstByteTimeoutMs: undefined,
    streamIdleTimeoutMs: 2_000,
    maxBodyBytes: 1_000,
    errorTrailer: ({ why, contentType, midLine }) =>
      contentType === undefined ? undefined : `${midLine ? '\n' : ''}${why}`,
    statuses: ALL_599,
    finished: (call) => void finished.push(call),
    passed: (request) => void passed.push(request),
    upstream: OLLAMA,
    health: {
      sawAnswer: () => void answers.push(true),
      sawFailure: (_error, sentAt) => {
        answers.push(false)
        failedFrom.push(sentAt)
      },
    },
    ...parts,
  })

  /** Lets what is settled by now go on; nothing else takes time here. */
  const settle = () => new Promise(setImmediate)

  /** A gated call whose body is there at once, as far as it gets without more being done. */
  const call = async (request: Request = {}, requester = ANYBODY) => {
    const started = start({ body: BODY, ...request }, requester)
    await settle()
    return started
  }
  const start = (request: Request, requester = ANYBODY) => {
    const client = new ScriptedRequest(request)
    const explanation: string[] = []
    const result = relay.gated(client, request.target?.split('?')[0] ?? '/api/chat', requester).then(
      (response) => {
        for (const header of response.headers) explanation.push(...header)
        return String(response.status)
      },
      (error: Refusal | Failure) => {
        explanation.push(...error.headers)
        return error.code === 'internal_error' ? String(error.cause) : error.code
      },
    )
    return { client, result, explanation }
  }
  /** A request that is not gated. */
  const passThrough = (request: Request) => {
    const client = new ScriptedRequest(request)
    const answer = relay.passThrough(client, ANYBODY).then(
      (response) => String(response.status),
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
    const { forwarding } = client
    assert.ok(forwarding)
    return { client, forwarding, answer }
  }
  const lane = () => {
    const { active = 0, queued = 0 } = admission.model('llama2')?.lane ?? {}
    return { active, queued }
  }
  return {
    clock,
    admission,
    relay,
    origins,
    ids,
    queueKeys,
    released,
    finished,
    answers,
    failedFrom,
    passed,
    call,
    start,
    passThrough,
    settle,
    lane,
  }
}

export type RelayHarness = ReturnType<typeof relayHarness>

/** Tells whether anything of any call is left: slots, places in line, queue keys, timers. */
export function leftovers({ clock, admission, queueKeys }: RelayHarness) {
  clock.advance(250)
  let active = 0
  for (const lane of admission.lanes()) active += lane.active
  const { calls, bytes } = admission.waiting
  return { active, waiting: calls, bytes, keys: queueKeys.size, timers: clock.pending }
}

export const NOTHING = { active: 0, waiting: 0, bytes: 0, keys: 0, timers: 0 }
