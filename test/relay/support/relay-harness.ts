import assert from 'node:assert/strict'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import type { LaneObserver } from '../../../src/admission/observer.ts'
import type { FinishedCall } from '../../../src/relay/finished-call.ts'
import { Origins } from '../../../src/relay/origins.ts'
import type { PassedRequest } from '../../../src/relay/pass-through.ts'
import { Relay, type RelayParts } from '../../../src/relay/relay.ts'
import { RequestIds } from '../../../src/relay/request-id.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Request, ScriptedRequest } from '../../support/scripted-request.ts'

export const BODY = '{"model":"llama2","messages":[{}]}'

/** A relay over a real admission of one slot, on a standing clock, whose calls are played by the test. */
export function relayHarness(
  change: Partial<RelayParts<LaneObserver>> & { parallel?: number; queue?: number } = {},
) {
  const clock = new ManualClock()
  const released: string[] = []
  const observer: LaneObserver = {
    queued() {},
    granted() {},
    refused() {},
    left() {},
    released: (outcome) => void released.push(outcome),
  }
  const { parallel = 1, queue = 4, ...parts } = change
  const admission = new LocalAdmission({
    clock,
    observer: { lane: () => observer },
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
  const relay = new Relay({
    clock,
    admission,
    waiting: admission.waiting,
    origins,
    ids,
    requestTimeoutMs: 10_000,
    firstByteTimeoutMs: undefined,
    streamIdleTimeoutMs: 2_000,
    maxBodyBytes: 1_000,
    lastWords: ({ why, contentType, midLine }) =>
      contentType === undefined ? undefined : `${midLine ? '\n' : ''}${why}`,
    statusOf: () => 599,
    finished: (call) => void finished.push(call),
    passed: (request) => void passed.push(request),
    upstream: {
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
  const call = async (request: Request = {}) => {
    const started = start({ body: BODY, ...request })
    await settle()
    return started
  }
  const start = (request: Request) => {
    const client = new ScriptedRequest(request)
    const explanation: string[] = []
    const told = {
      set: (_key: 'explanation', headers: readonly string[]) => void explanation.push(...headers),
    }
    const result = relay.gated(client, request.target?.split('?')[0] ?? '/api/chat', told).then(
      (response) => {
        for (const header of response.headers) explanation.push(...header)
        return String(response.status)
      },
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
    return { client, result, explanation }
  }
  /** A request that is not gated. */
  const passThrough = (request: Request) => {
    const client = new ScriptedRequest(request)
    const answer = relay.passThrough(client).then(
      (response) => String(response.status),
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
    const { forwarding } = client
    assert.ok(forwarding)
    return { client, forwarding, answer }
  }
  const lane = () => {
    const { active = 0, queued = 0 } = admission.lane('llama2') ?? {}
    return { active, queued }
  }
  return {
    clock,
    admission,
    relay,
    origins,
    ids,
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

/** Tells whether anything of any call is left: slots, places in line, timers. */
export function leftovers({ clock, admission }: RelayHarness) {
  clock.advance(250)
  let active = 0
  for (const lane of admission.lanes()) active += lane.active
  return { active, waiting: admission.waiting.calls, bytes: admission.waiting.bytes, timers: clock.pending }
}

export const NOTHING = { active: 0, waiting: 0, bytes: 0, timers: 0 }
