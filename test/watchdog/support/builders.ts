import type { OverCall, WatchedCall } from '../../../src/watchdog/contract.ts'
import { RunnerWatch, type Surroundings } from '../../../src/watchdog/runner-watch.ts'

export const RUNNER = 'sha256-1'
export const MODEL = 'llama3.2'
export const SECOND = 1_000
export const MINUTE = 60_000

/** A streamed call with a short prompt, sent at 0, without a byte. */
export function aWatchedCall(change: Partial<WatchedCall> = {}): WatchedCall {
  return {
    id: 'a',
    runner: RUNNER,
    model: MODEL,
    sentAt: 0,
    promptBytes: 100,
    bytesOut: 0,
    begun: false,
    wantsStream: true,
    wantsTools: false,
    heldBack: false,
    options: undefined,
    ...change,
  }
}

/** A stream of 100 tokens in 10 s, sent at its arrival, with a prompt of 4 KiB that took a second. */
export function anOverCall(change: Partial<OverCall> = {}): OverCall {
  return {
    requestId: 'over',
    model: MODEL,
    path: '/api/chat',
    outcome: 'done',
    cause: null,
    status: 200,
    lateStatus: null,
    sentMs: 0,
    firstByteMs: 1_000,
    totalMs: 11_000,
    parts: 101,
    tokensOut: 100,
    loadMs: 0,
    promptMs: 1_000,
    evalMs: 10_000,
    bytesIn: 4_096,
    slots: 1,
    ...change,
  }
}

const QUIET: Surroundings = { memory: 'loaded', othersBusy: false }

/** A watch over one runner that the test looks through. */
export class Watched {
  readonly watch = new RunnerWatch(RUNNER, { model: MODEL, options: undefined })
  surroundings: Surroundings = QUIET
  now = 0

  /** What is known of a runner that has served calls: 100 ms a token, a quarter of a millisecond a byte, 5 s a load. */
  learned(): this {
    this.watch.ended(anOverCall({ loadMs: 5_000, firstByteMs: 6_000, totalMs: 16_000 }), this.now)
    return this
  }

  /** Looks at these calls at the second `at`. Returns whether anything has moved. */
  look(at: number, ...calls: Partial<WatchedCall>[]): boolean {
    this.now = at * SECOND
    return this.watch.look(calls.map(aWatchedCall), this.surroundings, this.now)
  }

  /** A call ends at the second `at`. Returns whether that is a movement. */
  end(at: number, change: Partial<OverCall>): boolean {
    this.now = at * SECOND
    return this.watch.ended(anOverCall(change), this.now)
  }

  /** Seconds after which the runner counts as stuck. */
  get due(): number {
    return this.watch.dueAt / SECOND
  }
}

/** A call that is in the middle of its answer. */
export const MOVING = { begun: true, bytesOut: 10 } as const
