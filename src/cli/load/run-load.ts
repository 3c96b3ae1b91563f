import type { Clock } from '../../clock.ts'
import type { Arrival } from './arrivals.ts'
import type { OpenCall } from './send.ts'
import type { Tally } from './tally.ts'

export interface LoadParts {
  readonly clock: Clock
  /** Ordered by time. */
  readonly arrivals: Iterator<Arrival>
  readonly maxInFlight: number
  /** Sends a call. `dueAt`: clock time at which the call is due. `number` counts from 1. */
  readonly send: (arrival: Arrival, dueAt: number, number: number) => OpenCall
  readonly tally: Tally
}

/** When sending falls behind, the loop yields this often to answers, timers and signals. */
const LONGEST_TURN_MS = 10

/**
 * Open-loop load: every call is sent when it is due, even while earlier calls are open. A call beyond maxInFlight is
 * counted and never sent, since sending it later would change the load.
 */
export class LoadRun {
  readonly #parts: LoadParts
  readonly #open = new Set<OpenCall>()
  readonly #startedAt: number
  readonly #sent: Promise<void>
  #stop: () => void = () => {}
  #stopped = false

  /** Begins at once. */
  constructor(parts: LoadParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.now()
    this.#sent = this.#sendAll()
  }

  get open(): number {
    return this.#open.size
  }

  /** stop() was called. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Sends no further call. */
  stop(): void {
    this.#stopped = true
    this.#stop()
  }

  /** Ends the open calls. */
  abort(): void {
    for (const call of this.#open) call.abort()
  }

  /** Waits until all calls are sent. Returns milliseconds since the start. */
  async sent(): Promise<number> {
    await this.#sent
    return this.#parts.clock.now() - this.#startedAt
  }

  /** Waits until all sent calls have ended. Returns milliseconds since the start. */
  async over(): Promise<number> {
    await this.#sent
    await Promise.all(Array.from(this.#open, ({ outcome }) => outcome))
    return this.#parts.clock.now() - this.#startedAt
  }

  async #sendAll(): Promise<void> {
    const { arrivals, clock, tally } = this.#parts
    let turnBeganAt = clock.now()
    for (let next = arrivals.next(); !next.done && !this.#stopped; next = arrivals.next()) {
      const dueAt = this.#startedAt + next.value.atMs
      const now = clock.now()
      if (dueAt > now || now - turnBeganAt >= LONGEST_TURN_MS) {
        // Timers take whole milliseconds. Rounding up, so that no call is sent early.
        await (dueAt > now ? this.#pause(Math.ceil(dueAt - now)) : nextTurn())
        turnBeganAt = clock.now()
      }
      if (this.#stopped) return
      tally.arrivals++
      if (this.#open.size >= this.#parts.maxInFlight) tally.notSent++
      else this.#send(next.value, dueAt)
    }
  }

  #send(arrival: Arrival, dueAt: number): void {
    const { clock, send, tally } = this.#parts
    tally.late.record(Math.max(0, clock.now() - dueAt))
    const call = send(arrival, dueAt, tally.sent)
    this.#open.add(call)
    void call.outcome.then((outcome) => {
      this.#open.delete(call)
      tally.take(outcome)
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve)
      this.#stop = () => {
        cancel()
        resolve()
      }
    })
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
