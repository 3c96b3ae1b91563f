import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import { type EngineLimits, runnerKey, runnerRequest } from './engine-call.ts'
import type { Hangs } from './hangs.ts'
import type { LoadFaults } from './load-faults.ts'
import type { LoadEnd, LoadLog } from './load-log.ts'
import type { Machine, Reservation } from './machine.ts'
import type { Runner } from './runner.ts'
import type { Holder, Session } from './session.ts'

export interface LoaderParts {
  readonly clock: Clock
  readonly limits: EngineLimits
  readonly machine: Machine
  readonly faults: LoadFaults
  readonly hangs: Pick<Hangs, 'has'>
  readonly log: LoadLog
}

interface RunningLoad {
  readonly session: Session
  readonly beganAt: number
  readonly reserved: Reservation
  readonly cancel: Cancel
  /** The load should be over by now, and stands still. */
  hangs: boolean
}

/**
 * Ollama's scheduler (processPending in server/sched.go): one line for the calls of all models that are not in memory,
 * or are there with other options. The loader serves the line strictly in order, with one load or eviction at a time.
 * So a call waits for all calls ahead of it, whatever their models are.
 */
export class ModelLoader implements Holder {
  readonly #parts: LoaderParts
  readonly #pending = new Queue<Session>()
  #head: Session | undefined
  #load: RunningLoad | undefined
  /** The head's load was out of memory. It is tried once more when all of these have left. */
  #mustLeave: readonly Runner[] = []
  /** Keys of the runners that left for the head. */
  #evicted: string[] = []

  constructor(parts: LoaderParts) {
    this.#parts = parts
  }

  /** False: the line is full. As in Ollama, a cancelled session counts until the line reaches it. */
  enqueue(session: Session): boolean {
    if (this.#head && this.#pending.size >= this.#parts.limits.maxQueue) return false
    session.heldBy(this)
    this.#pending.enqueue(session)
    this.#advance()
    return true
  }

  /** A runner has left memory, so there may be room for the model of the first session in line. */
  runnerLeft(runner: Runner): void {
    if (!this.#head) return
    if (runner.evicted) this.#evicted.push(runner.key)
    if (this.#load) return
    this.#mustLeave = this.#mustLeave.filter((other) => this.#parts.machine.has(other))
    if (this.#mustLeave.length > 0) return
    this.#serve(this.#head)
    this.#advance()
  }

  /** A load may go on that stood still. */
  hangChanged(): void {
    if (this.#load?.hangs) this.#loaded(this.#load)
  }

  /** Ends the load and the line, and all their sessions fail. */
  clear(): void {
    const sessions = [...this.#pending]
    if (this.#head) sessions.push(this.#head)
    if (this.#load) this.#endLoad(this.#load, 'aborted')
    this.#done()
    this.#pending.clear()
    for (const session of sessions) session.fail()
  }

  /**
   * As in Ollama, a load ends when the client leaves whose call started the load, and the next load starts from zero.
   * Ollama notices at its next look, within 250 ms; here the load ends at once. While the first session waits for a
   * runner to leave, nobody looks for its client.
   */
  drop(session: Session): void {
    if (session !== this.#load?.session) return
    this.#endLoad(this.#load, 'aborted')
    this.#done()
    this.#advance()
  }

  #advance(): void {
    while (!this.#head) {
      const next = this.#pending.dequeue()
      if (!next) return
      if (next.outcome) continue
      this.#head = next
      this.#serve(next)
    }
  }

  #serve(session: Session): void {
    const { machine } = this.#parts
    const usable = machine.usable(session.call)
    if (usable) {
      this.#done()
      admit(session, usable)
      return
    }
    const inTheWay = machine.inTheWayOf(session.call)
    if (inTheWay) inTheWay.evict()
    else this.#begin(session)
  }

  #begin(session: Session): void {
    const { clock, limits, machine } = this.#parts
    const loadMs = runnerRequest(session.call)?.source.loadMs ?? limits.loadMs
    const load: RunningLoad = {
      session,
      beganAt: clock.now(),
      reserved: machine.reserve(session.call),
      cancel: clock.after(loadMs, () => this.#loaded(load)),
      hangs: false,
    }
    this.#load = load
    // The client left while a runner was leaving for its call. Ollama starts the process, and ends it at once.
    if (session.outcome) this.drop(session)
  }

  #loaded(load: RunningLoad): void {
    const { machine, faults, hangs } = this.#parts
    const { session, reserved } = load
    const key = runnerKey(session.call) ?? ''
    load.hangs = hangs.has(key, 'load')
    if (load.hangs) return
    const beside = machine.size > 0
    const failure = faults.take(key, beside)
    this.#endLoad(load, failure ?? 'loaded')
    if (failure === 'oom' && beside && !session.retriedLoad) {
      session.retriedLoad = true
      this.#evictAll()
      return
    }
    this.#done()
    if (failure) session.failLoad(failure)
    else admit(session, machine.add(session.call, reserved))
    this.#advance()
  }

  /**
   * Ollama: evictAllAndWait. Ollama also shortens an automatic context of more than 4096 tokens for the second try; the
   * simulator's automatic context is 4096.
   */
  #evictAll(): void {
    const runners = this.#parts.machine.loaded()
    this.#mustLeave = runners
    for (const runner of runners) runner.evict()
  }

  #endLoad({ session, beganAt, reserved, cancel }: RunningLoad, outcome: LoadEnd): void {
    const { clock, machine, log } = this.#parts
    const { model } = session.call
    cancel()
    this.#load = undefined
    if (outcome !== 'loaded') machine.release(reserved)
    if (outcome === 'loaded') session.counts.add('loads')
    else if (outcome !== 'aborted') session.counts.add('failedLoads')
    const weights = runnerKey(session.call) ?? ''
    log.add({ weights, model, beganAt, endedAt: clock.now(), outcome, evicted: this.#evicted })
    this.#evicted = []
  }

  /** The first session needs the loader no more. */
  #done(): void {
    this.#head = undefined
    this.#mustLeave = []
    this.#evicted = []
  }
}

function admit(session: Session, runner: Runner): void {
  session.counts.add('pending', -1)
  runner.admit(session)
}
