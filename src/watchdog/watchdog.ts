import type { Clock } from '../clock.ts'
import { meantStatus } from '../relay/meant-status.ts'
import type { InMemory, OverCall, Probe, Standstill, StandstillEnd, WatchedCall } from './contract.ts'
import { ProbePlan } from './probe-plan.ts'
import { RunnerWatch } from './runner-watch.ts'

/** From one look at the calls to the next. */
export const LOOK_MS = 5_000
/** Looks that are further apart mean that the proxy itself stood still, or that there were no calls. */
const LATE_MS = 30_000
/** Runners that are remembered. More are not called at a time; the longest unused is forgotten first. */
const MOST_RUNNERS = 256

export interface WatchdogParts {
  readonly clock: Clock
  /** The calls that Ollama has, but those of the cloud. */
  running(): Iterable<WatchedCall>
  /** Returns whether a runner is in memory, for one look at all runners. */
  memory(): (runner: string) => InMemory
  /** A runner is stuck, or works again. Can end calls, and send others, before this returns. */
  stick(runner: string, stuck: boolean): void
  /** Sends one call of one token. Must call `done` once, later: with whether Ollama gave an answer. */
  probe(probe: Probe, done: (answered: boolean) => void): void
  /** The runner of a model that was called. Undefined: unknown, or the cloud. */
  runnerOf(model: string): string | undefined
  found(standstill: Standstill): void
  over(standstill: Standstill, why: StandstillEnd): void
}

/** A runner on whose calls Ollama does not work, and the probes that show when Ollama works again. */
interface StuckRunner {
  readonly standstill: Standstill
  readonly probes: ProbePlan
}

/**
 * Finds runners on whose calls Ollama does not work although its port answers, and notices when they work again. No call
 * costs anything for it but at its end; the calls that run are looked at every five seconds.
 */
export class Watchdog {
  readonly #parts: WatchdogParts
  readonly #watches = new Map<string, RunnerWatch>()
  readonly #stuck = new Map<string, StuckRunner>()
  #lookedAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(parts: WatchdogParts) {
    this.#parts = parts
  }

  get standstills(): readonly Standstill[] {
    return Array.from(this.#stuck.values(), ({ standstill }) => standstill)
  }

  isStuck(runner: string): boolean {
    return this.#stuck.has(runner)
  }

  /** Call this again and again while there are calls: looks at them where the last look was five seconds ago. */
  pass(now: number): void {
    if (now - this.#lookedAt < LOOK_MS || this.#stopped) return
    const isLate = now - this.#lookedAt > LATE_MS
    this.#lookedAt = now
    const calls = byRunner(this.#parts.running())
    const memory = this.#parts.memory()
    const busy = new Set([...calls.keys()].filter((runner) => !this.#stuck.has(runner)))
    for (const [runner, [first]] of calls) if (first !== undefined) this.#watch(runner, first)
    for (const [runner, watch] of [...this.#watches]) {
      const othersBusy = busy.size > (busy.has(runner) ? 1 : 0)
      const hasMoved = watch.look(calls.get(runner) ?? [], { memory: memory(runner), othersBusy }, now)
      if (isLate) watch.forgive(now)
      if (hasMoved) this.#open(runner, 'moved')
      else if (!this.#stuck.has(runner) && now > watch.dueAt) this.#stick(watch, now)
    }
  }

  /** A call is over. */
  ended(call: OverCall): void {
    if (call.model === null || call.sentMs === null) return
    const runner = this.#parts.runnerOf(call.model)
    if (runner === undefined) return
    let watch = this.#watches.get(runner)
    if (watch === undefined) {
      // Made-up names end here.
      if (call.outcome !== 'done' || meantStatus(call) >= 400) return
      watch = this.#watch(runner, { model: call.model, options: call.options })
    }
    if (watch.ended(call, this.#parts.clock.now())) this.#open(watch.runner, 'moved')
    else this.#idle(watch)
  }

  /** A load of a runner is over that took so many milliseconds. */
  loaded(runner: string, ms: number): void {
    this.#watches.get(runner)?.speed.loaded(ms)
  }

  /** Ollama may be a new process. */
  restarted(): void {
    for (const watch of this.#watches.values()) watch.restarted(this.#parts.clock.now())
    for (const runner of [...this.#stuck.keys()]) this.#open(runner, 'restarted')
  }

  /** What is known of the runners has changed. `runners`: all that have names now. */
  regrouped(runners: ReadonlySet<string>): void {
    for (const runner of [...this.#stuck.keys()]) if (!runners.has(runner)) this.#open(runner, 'gone')
  }

  /** Ends for good. */
  stop(): void {
    this.#stopped = true
    for (const { probes } of this.#stuck.values()) probes.stop()
  }

  #watch(runner: string, call: Probe): RunnerWatch {
    const watch = this.#watches.get(runner) ?? new RunnerWatch(runner, call)
    // A Map keeps the order of insertion: the longest unused is first.
    this.#watches.delete(runner)
    this.#watches.set(runner, watch)
    this.#forget()
    return watch
  }

  #stick(watch: RunnerWatch, now: number): void {
    const { runner, last, running, silentSince } = watch
    const standstill = { runner, model: last.model, since: silentSince, foundAt: now, running }
    const probes = new ProbePlan({
      clock: this.#parts.clock,
      send: (done) => this.#parts.probe(watch.last, done),
      answered: () => {
        watch.excuse(this.#parts.clock.now())
        this.#open(runner, 'answered')
      },
    })
    this.#stuck.set(runner, { standstill, probes })
    this.#parts.stick(runner, true)
    this.#parts.found(standstill)
    probes.start()
  }

  /** Does nothing for a runner that is not stuck. */
  #open(runner: string, why: StandstillEnd): void {
    const stuck = this.#stuck.get(runner)
    if (stuck === undefined) return
    this.#stuck.delete(runner)
    stuck.probes.stop()
    this.#parts.over(stuck.standstill, why)
    this.#parts.stick(runner, false)
  }

  /** The last call of a stuck runner may be over, so nothing is in the way of a probe any more. */
  #idle({ runner, running }: RunnerWatch): void {
    if (running === 0) this.#stuck.get(runner)?.probes.hurry()
  }

  #forget(): void {
    for (const [runner, { running }] of this.#watches) {
      if (this.#watches.size <= MOST_RUNNERS) return
      if (running === 0) this.#watches.delete(runner)
    }
  }
}

function byRunner(calls: Iterable<WatchedCall>): ReadonlyMap<string, readonly WatchedCall[]> {
  const found = new Map<string, WatchedCall[]>()
  for (const call of calls) {
    const others = found.get(call.runner)
    if (others) others.push(call)
    else found.set(call.runner, [call])
  }
  return found
}
