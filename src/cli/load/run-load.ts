import type { Clock } from '../../clock.ts'
import type { Arrival } from './arrivals.ts'
import type { OpenCall } from './send.ts'
import type { Tally } from './tally.ts'

export interface LoadParts {
  readonly clock: Clock
  /** In the order of their times. */
  readonly arrivals: Iterator<Arrival>
  readonly maxInFlight: number
  /** Sends a call that was due at `dueAt` on the clock; `number` counts from 1. */
  readonly send: (arrival: Arrival, dueAt: number, number: number) => OpenCall
  readonly tally: Tally
}

/** A load that cannot be kept up with lets answers, timers and signals have their turn this often. */
const LONGEST_TURN_MS = 10

/**
 * Open-loop load: calls are sent when they are due, whatever has become of those before. One that would be too many
 * at once is counted and never sent, since sending it later would be another load than the one asked for.
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

  /** Whether it was ended before its time. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#stopped = true
    this.#stop()
  }

  /** Ends what is still open. */
  cut(): void {
    for (const call of this.#open) call.abort()
  }

  /** When all has been sent: milliseconds since the start. */
  async sent(): Promise<number> {
    await this.#sent
    return this.#parts.clock.now() - this.#startedAt
  }

  /** When all that was sent is over: milliseconds since the start. */
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
        // Timers take whole milliseconds, and a call is never sent before its time.
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
