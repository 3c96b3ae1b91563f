import assert from 'node:assert/strict'
import { Accounts } from '../../../src/admission/accounts.ts'
import { type AdmissionParts, NO_RUNNERS } from '../../../src/admission/admission-parts.ts'
import type { Call, Limits, Upstream } from '../../../src/admission/contract.ts'
import { FAIR } from '../../../src/admission/fair-settings.ts'
import { Lane } from '../../../src/admission/lane.ts'
import { laneLimits } from '../../../src/admission/lane-limit.ts'
import type { LaneLine } from '../../../src/admission/lane-line.ts'
import { LanesInTurns } from '../../../src/admission/lanes-in-turns.ts'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import { LocalPermit } from '../../../src/admission/local-permit.ts'
import { LocalTicket } from '../../../src/admission/local-ticket.ts'
import { ModelCalls } from '../../../src/admission/model-calls.ts'
import { Refusal } from '../../../src/admission/refusal.ts'
import { Waiting } from '../../../src/admission/waiting.ts'
import { EVERYBODY } from '../../../src/callers/caller.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { Recorder } from './recorder.ts'

/** A deadline that no test reaches. */
export const FAR = 1e9

export function aCall(overrides: Partial<Call> = {}): Call {
  return { model: 'llama2', caller: EVERYBODY, deadline: FAR, bytes: 10, slots: 1, ...overrides }
}

/** The one upstream of these tests. */
export const OLLAMA: Upstream = { name: 'ollama' }

/** A lane with one name. */
export function aLane(limits: Partial<Limits> = {}, waiting: Partial<Waiting> = {}) {
  const recorder = new Recorder()
  const shared = Object.assign(new Waiting(waiting.maxBytes ?? FAR), waiting)
  const { turns } = new LanesInTurns({
    clock: new ManualClock(),
    runners: NO_RUNNERS,
    turns: undefined,
    lanes: () => [],
    laneOf: () => undefined,
  })
  const lane = new Lane(undefined, laneLimits({ parallel: 1, queue: 512, ...limits }, true), {
    slot: { upstream: OLLAMA },
    accounts: new Accounts({ fairness: FAIR, opens() {} }),
    turns,
    waiting: shared,
    random: () => 0,
    measured: () => {},
    unserved: () => {},
  })
  lane.adopt(new ModelCalls('llama2', recorder, lane))
  return { lane, recorder, waiting: shared }
}

/** The line whose calls run. */
export function lineOf({ turn }: Lane): LaneLine<ModelCalls<Lane>> {
  return turn.contenders.lineOf(turn.current)
}

/** A call for the first name of a lane arrives. */
export function arriveAt(lane: Lane, call: Call, now: number): LocalPermit | LocalTicket {
  const [model] = lane.models
  assert.ok(model)
  return lane.arrive(model, call, now)
}

export function anAdmission(parts: Partial<Omit<AdmissionParts, 'clock' | 'observer'>> = {}) {
  const clock = new ManualClock()
  const recorders = new Map<string, Recorder>()
  const observer = {
    lane(model: string): Recorder {
      const recorder = new Recorder()
      recorders.set(model, recorder)
      return recorder
    },
  }
  const defaults = { parallel: 1, queue: 512 }
  const admission = new LocalAdmission({
    clock,
    observer,
    upstream: OLLAMA,
    defaults,
    maxWaitingBytes: FAR,
    random: () => 0,
    ...parts,
  })
  return { admission, clock, recorders }
}

export function permitOf(turn: LocalPermit | LocalTicket): LocalPermit {
  assert.ok(turn instanceof LocalPermit, 'a slot at once was expected, the call waits')
  return turn
}

export function ticketOf(turn: LocalPermit | LocalTicket): LocalTicket {
  assert.ok(turn instanceof LocalTicket, 'a place in line was expected, the call has a slot')
  return turn
}

/** The refusal that `arrive` must throw. */
export function refusalOf(arrive: () => unknown): Refusal {
  try {
    arrive()
  } catch (error) {
    assert.ok(error instanceof Refusal, `a Refusal was expected, not ${String(error)}`)
    return error
  }
  assert.fail('a refusal was expected')
}

/** What a ticket was settled with: a permit, a refusal, or undefined while it waits. */
function resultOf(ticket: LocalTicket): LocalPermit | Refusal | undefined {
  let result: LocalPermit | Refusal | undefined
  ticket.onSettled((settled) => {
    result = settled
  })
  return result
}

/** Says in one word what became of a ticket: `waiting`, `granted`, or the code of its refusal. */
export function fateOf(ticket: LocalTicket): string {
  const result = resultOf(ticket)
  if (result === undefined) return 'waiting'
  return result instanceof LocalPermit ? 'granted' : result.code
}

/** The permit that a waiting ticket has been given. */
export function grantOf(ticket: LocalTicket): LocalPermit {
  const result = resultOf(ticket)
  assert.ok(result instanceof LocalPermit, `the ticket was expected to be granted, it is ${fateOf(ticket)}`)
  return result
}

/** Runs `calls` calls of `heldMs` one after the other; returns the time afterwards. */
export function teach(lane: Lane, calls: number, heldMs: number, now = 0): number {
  let time = now
  for (let i = 0; i < calls; i++) {
    const permit = permitOf(arriveAt(lane, aCall({ deadline: time + FAR }), time))
    time += heldMs
    permit.release('done', time)
  }
  return time
}
