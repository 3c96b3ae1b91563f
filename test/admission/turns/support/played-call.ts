import type { Call } from '../../../../src/admission/contract.ts'
import type { LocalPermit } from '../../../../src/admission/local-permit.ts'
import type { LocalTicket } from '../../../../src/admission/local-ticket.ts'
import type { EngineHandle } from '../../../../src/simulator/engine-call.ts'
import { Session } from '../../../../src/simulator/session.ts'

/** What a client asks for. Times are milliseconds. */
export interface Asked {
  readonly model: string
  /** Default: run. */
  readonly work?: 'run' | 'load' | 'unload'
  readonly promptMs?: number
  /** Rounded up to whole tokens of 250 ms. Default: 1000. */
  readonly outputMs?: number
  readonly streamed?: boolean
  /** What the end of the answer tells: all durations as /api/chat, the load as /api/embed, or nothing as /v1. */
  readonly tells?: 'all' | 'load' | 'nothing'
  readonly numCtx?: number | undefined
  /** keep_alive; Infinity: for ever. Undefined: absent. */
  readonly keepAliveMs?: number | undefined
  /** Inputs of an embed, each with its slot. Default: 1. */
  readonly inputs?: number
  /** Until the deadline. Default: no test comes so far. */
  readonly patienceMs?: number
  /** The client is gone when the grant comes, and nobody has told admission. */
  readonly goneAtGrant?: boolean
  /** Ollama refuses the call itself with 400, before it looks at the model. */
  readonly isBad?: boolean
}

/** One call from its arrival to its end. Times are clock milliseconds. */
export class PlayedCall {
  readonly asked: Asked
  readonly call: Call
  readonly askedAt: number
  state: 'line' | 'running' | 'over' = 'line'
  /** How the call ended: the outcome of its permit, or the code of its refusal. */
  end: string | undefined
  grantedAt: number | undefined
  endedAt: number | undefined
  /** Since the grant: the part of the time that Ollama took to load the model. */
  loadMs: number | undefined
  /** The prediction on arrival. */
  startsInMs: number | undefined
  ticket: LocalTicket | undefined
  permit: LocalPermit | undefined
  handle: EngineHandle | undefined
  readonly #ended: (() => void)[] = []

  constructor(asked: Asked, call: Call, now: number) {
    this.asked = asked
    this.call = call
    this.askedAt = now
  }

  get waitMs(): number {
    return (this.grantedAt ?? this.endedAt ?? Number.NaN) - this.askedAt
  }

  /** Ollama has the call, and the model is not in memory for the call yet. */
  get waitsForLoad(): boolean {
    return this.state === 'running' && this.handle instanceof Session && !this.handle.outcome
      ? this.handle.grantedAt === undefined
      : false
  }

  onEnd(run: () => void): void {
    this.#ended.push(run)
  }

  over(end: string, now: number): void {
    this.state = 'over'
    this.end = end
    this.endedAt = now
    for (const run of this.#ended) run()
  }
}
