import { Engine } from '../../src/simulator/engine.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { exponential } from '../support/admission-random.ts'
import { MODEL } from '../support/answers.ts'
import { numbersOf, type Sender, type SentCall, type SharingWorkload, type Tokens } from './workload.ts'

/** One call that arrived. Times in clock milliseconds. */
export interface Course {
  readonly call: SentCall
  /** The call has got its slot. Undefined: it still waits when the run is over. */
  startedAt: number | undefined
  /** Undefined: the call still runs, or waits, when the run is over. */
  endedAt: number | undefined
}

/** The machine of one run, in virtual time. */
export interface SharingWorld {
  readonly clock: ManualClock
  readonly workload: SharingWorkload
  /** The call has its slot. `done`: the call has ended. Throws where more calls run than there are slots. */
  start(call: SentCall, done: () => void): void
}

/** Decides who gets the next free slot. */
export interface SharingContestant {
  readonly name: string
  /** The result is told of each call that arrives. */
  enter(world: SharingWorld): (call: SentCall) => void
}

/**
 * Runs a workload in virtual time, on the simulator's engine with the model in memory, so that a call computes as soon as
 * the call has its slot. Returns all calls in the order of their arrival.
 */
export function share(workload: SharingWorkload, contestant: SharingContestant): Course[] {
  const { machine, runMs, senders } = workload
  const clock = new ManualClock()
  const engine = engineOf(workload, clock)
  const courses = new Map<SentCall, Course>()
  const senderDone = new Map<Sender, () => void>()
  let running = 0
  const arrive = contestant.enter({
    clock,
    workload,
    start: (call, done) => {
      if (running === machine.slots)
        throw new Error(`${contestant.name} runs more calls than there are slots`)
      running++
      const course = courses.get(call)
      if (!course) throw new Error(`${contestant.name} starts a call that has not arrived`)
      course.startedAt = clock.now()
      const { promptTokens, outputTokens } = call
      engine.submit({
        ...{ model: MODEL, promptTokens, outputTokens },
        onDone: () => {
          running--
          course.endedAt = clock.now()
          done()
          senderDone.get(call.sender)?.()
        },
      })
    },
  })
  const send = (sender: Sender, tokens: Tokens): void => {
    const { promptTokens, outputTokens } = tokens
    const call = { sender, atMs: clock.now(), promptTokens, outputTokens }
    courses.set(call, { call, startedAt: undefined, endedAt: undefined })
    arrive(call)
  }
  for (const [index, sender] of senders.entries()) {
    const again = begin(sender, numbersOf(index), clock, send)
    if (again) senderDone.set(sender, again)
  }
  clock.advance(runMs)
  return [...courses.values()]
}

/** The caller begins to send. The result, if any, must hear of the end of each of its calls. */
function begin(
  sender: Sender,
  random: () => number,
  clock: ManualClock,
  send: (sender: Sender, tokens: Tokens) => void,
): (() => void) | undefined {
  const { pace } = sender
  if ('arrivals' in pace) {
    let next = 0
    const arriveNext = (): void => {
      const arrival = pace.arrivals[next]
      if (!arrival) return
      next++
      clock.after(arrival.atMs - clock.now(), () => {
        send(sender, arrival)
        arriveNext()
      })
    }
    arriveNext()
    return undefined
  }
  const { lengths } = pace
  if ('everyMs' in pace) {
    const arriveLater = (): void => {
      clock.after(pace.everyMs * exponential(random), () => {
        send(sender, lengths(random))
        arriveLater()
      })
    }
    arriveLater()
    return undefined
  }
  // A client sends its next call after it has the answer, so after the slot of the answer is given on.
  const again = () => void clock.after(0, () => send(sender, lengths(random)))
  for (let call = 0; call < pace.inFlight; call++) again()
  return again
}

function engineOf({ machine }: SharingWorkload, clock: ManualClock): Engine {
  const engine = new Engine(clock, {
    numParallel: machine.slots,
    maxQueue: 512,
    maxLoaded: 1,
    loadMs: 0,
    keepAliveMs: Number.POSITIVE_INFINITY,
    promptTokensPerSecond: machine.promptRate,
    outputTokensPerSecond: machine.outputRate,
    slowdown: machine.slowdown,
  })
  engine.submit({ model: MODEL, promptTokens: 0, outputTokens: 0, loadOnly: true })
  clock.advance(0)
  return engine
}
