import type { Clock } from '../clock.ts'
import { Decoder, type SlotWork, workOf } from './decoder.ts'
import type { EngineLimits } from './engine-call.ts'
import type { Holder, Session } from './session.ts'

/**
 * Ollama's cloud: answers calls at once, at the rates of the simulated machine. No runner, no load, no slot and no line
 * has a part in these calls, so no call slows another one down.
 */
export class Cloud implements Holder {
  readonly #clock: Clock
  readonly #limits: EngineLimits
  readonly #decoder: Decoder
  readonly #running = new Map<Session, SlotWork>()

  constructor(clock: Clock, limits: EngineLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#decoder = new Decoder(clock, 0)
  }

  answer(session: Session): void {
    const startedAt = this.#clock.now()
    session.grantedAt = startedAt
    session.heldBy(this)
    const work = workOf(session.call, this.#limits, () => {
      this.#running.delete(session)
      const ended = this.#clock.now()
      const promptEndedAt = work.promptEndedAt ?? ended
      session.finish({
        promptTokens: session.call.promptTokens,
        outputTokens: session.call.outputTokens,
        totalMs: ended - startedAt,
        loadMs: 0,
        waitMs: 0,
        promptMs: promptEndedAt - startedAt,
        outputMs: ended - promptEndedAt - work.pausedMs,
      })
    })
    this.#running.set(session, work)
    session.counts.add('started')
    this.#decoder.add(work)
  }

  drop(session: Session): void {
    const work = this.#running.get(session)
    if (!work) return
    this.#running.delete(session)
    this.#decoder.remove(work)
  }

  setPaused(session: Session, paused: boolean): void {
    const work = this.#running.get(session)
    if (work) this.#decoder.setPaused(work, paused)
  }

  /** Ends all calls: Ollama, through which they run, has ended. */
  failAll(): void {
    for (const session of [...this.#running.keys()]) session.fail()
  }
}
