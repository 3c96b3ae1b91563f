import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import { EVERYBODY } from '../../src/callers/caller.ts'
import { Engine } from '../../src/simulator/engine.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { MODEL } from './answers.ts'
import { type Arrival, type Goodput, GoodWork, type Server } from './trace.ts'

/** A client that waits for its first byte. */
interface Waiting {
  readonly deadline: number
  readonly giveUp: () => void
}

/** `alone`: the engine with its line without a bound. `alone, all stay`: and clients that wait as long as it takes. */
export type Setting = 'guarded' | 'alone' | 'alone, all stay'

/**
 * The trace in virtual time: admission in front of the simulator's engine, or the engine alone. Clients leave at their
 * deadline when no byte has come, and stay to the end once one has.
 */
export function simulate(
  arrivals: readonly Arrival[],
  server: Server,
  deadlineMs: number,
  setting: Setting,
): Goodput {
  const clock = new ManualClock()
  const engine = new Engine(clock, {
    numParallel: server.slots,
    maxQueue: 512,
    maxLoaded: 1,
    loadMs: 0,
    keepAliveMs: Number.POSITIVE_INFINITY,
    promptTokensPerSecond: server.promptRate,
    outputTokensPerSecond: server.outputRate,
    slowdown: 0,
  })
  const admission = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: { name: 'ollama' },
    defaults: { parallel: server.slots, queue: 512 },
    maxWaitingBytes: Number.POSITIVE_INFINITY,
  })
  engine.submit({ model: MODEL, promptTokens: 0, outputTokens: 0, loadOnly: true })
  clock.advance(1)
  engine.counters.reset()

  const from = clock.now()
  const to = from + (arrivals.at(-1)?.atMs ?? 0)
  const work = new GoodWork(server, from, to)
  const patience = new Patience(clock)
  let atEngine = 0
  let peak = 0
  let inTime = 0
  let refused = 0

  /** Hands a call to the engine. `over` is told how it ended. */
  const run = (call: Arrival, deadline: number, over: (outcome: 'done' | 'timed_out') => void): void => {
    atEngine++
    peak = Math.max(peak, atEngine)
    let answered = false
    const handle = engine.submit({
      model: MODEL,
      ...call,
      onToken: (index) => {
        if (index > 0) return
        answered = true
        if (clock.now() > deadline) return
        inTime++
        work.add(call, clock.now())
      },
      onDone: () => {
        atEngine--
        over('done')
      },
    })
    if (setting === 'alone, all stay') return
    patience.watch(deadline, () => {
      if (answered) return
      atEngine--
      handle?.cancel()
      over('timed_out')
    })
  }

  const acquire = (call: Arrival, deadline: number): void => {
    const start = (permit: LocalPermit): void => {
      run(call, deadline, (outcome) => permit.release(outcome, clock.now()))
    }
    try {
      const turn = admission.acquire({
        model: MODEL,
        caller: EVERYBODY,
        slots: 1,
        deadline,
        bytes: 4 * call.promptTokens,
      })
      if (turn instanceof LocalPermit) start(turn)
      else turn.onSettled((result) => result instanceof LocalPermit && start(result))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refused++
    }
  }

  const arrive = (call: Arrival): void => {
    const deadline = clock.now() + deadlineMs
    if (setting === 'guarded') acquire(call, deadline)
    else run(call, deadline, () => {})
  }

  let next = 0
  const arriveNext = (): void => {
    for (let call = arrivals[next]; call && from + call.atMs <= clock.now(); call = arrivals[++next])
      arrive(call)
    const following = arrivals[next]
    if (following) clock.after(from + following.atMs - clock.now(), arriveNext)
  }
  arriveNext()
  clock.advance(to - from + deadlineMs + 1_000)

  const calls = arrivals.length
  return { goodput: work.ofCapacity, calls, inTime, refused, late: calls - inTime - refused, peak }
}

/** All clients are equally patient and are served in their order, so that one timer serves all deadlines. */
class Patience {
  readonly #clock: ManualClock
  readonly #waiting: Waiting[] = []
  #first = 0
  #armed = false

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  watch(deadline: number, giveUp: () => void): void {
    if (deadline < (this.#waiting.at(-1)?.deadline ?? 0))
      throw new Error('a call overtook one that came before it')
    this.#waiting.push({ deadline, giveUp })
    if (!this.#armed) this.#arm()
  }

  #arm(): void {
    const first = this.#waiting[this.#first]
    this.#armed = first !== undefined
    if (!first) return
    this.#clock.after(first.deadline - this.#clock.now(), () => {
      for (;;) {
        const due = this.#waiting[this.#first]
        if (!due || due.deadline > this.#clock.now()) break
        this.#first++
        due.giveUp()
      }
      this.#arm()
    })
  }
}
