import type { FairSettings } from '../../src/admission/contract.ts'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { type Caller, NO_LIMITS } from '../../src/callers/caller.ts'
import type { Clock } from '../../src/clock.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { MODEL } from '../support/answers.ts'
import type { SharingContestant, SharingWorld } from './sharing.ts'
import type { Sender, SentCall } from './workload.ts'

/** What the targets are for. */
export const OURS = 'ours'
export const FIFO = 'FIFO'

/** Nobody gives up, and no line is full. */
const FAR = 1e12
const BYTES_A_TOKEN = 4

/** The lanes of the proxy, fair as installed. */
const ours: SharingContestant = {
  name: OURS,
  enter: (world) => throughLanes(world, { ...FAIR, reserve: world.workload.reserve }),
}

/** The lanes of the proxy in the order of arrival. */
export const fifo: SharingContestant = {
  name: FIFO,
  enter: (world) => throughLanes(world, { ...FAIR, fair: false }),
}

/** One call of each caller in turn, whatever the calls cost: no weights, no classes. */
export const roundRobin: SharingContestant = { name: 'round robin', enter: inRounds }

export const CONTESTANTS = [ours, roundRobin, fifo] as const

function throughLanes(world: SharingWorld, fairness: FairSettings): (call: SentCall) => void {
  const { clock, workload } = world
  const admission = new LocalAdmission({
    clock: timeless(clock),
    observer: new Stats(clock),
    upstream: { name: 'ollama' },
    defaults: { parallel: workload.machine.slots, queue: FAR },
    fairness,
    maxWaitingBytes: FAR,
    random: () => 0,
  })
  const callers = new Map(workload.senders.map((sender) => [sender, callerOf(sender)]))
  const start = (call: SentCall, permit: LocalPermit): void =>
    world.start(call, () => permit.release('done', clock.now()))
  return (call) => {
    const { sender, promptTokens } = call
    const caller = callers.get(sender)
    if (!caller) throw new Error(`${sender.name} sends in no workload of this run`)
    const answer = admission.acquire({
      ...{ model: MODEL, caller, slots: 1, deadline: FAR, bytes: BYTES_A_TOKEN * promptTokens },
      ...(sender.class === undefined ? {} : { class: sender.class }),
    })
    if (answer instanceof LocalPermit) start(call, answer)
    else
      answer.onSettled((result) => {
        if (!(result instanceof LocalPermit)) throw result
        start(call, result)
      })
  }
}

/** Nobody gives up, so nothing is due by itself: a look at all deadlines every 250 ms would take most of a run's time. */
function timeless(clock: Clock): Clock {
  return { now: () => clock.now(), wallTime: () => clock.wallTime(), after: () => () => {} }
}

function callerOf({ name, weight = 1 }: Sender): Caller {
  return { id: name, key: undefined, limits: { ...NO_LIMITS, weight } }
}

function inRounds(world: SharingWorld): (call: SentCall) => void {
  const { slots } = world.workload.machine
  /** The callers with calls in line. The one whose turn is next comes first. */
  const lines = new Map<Sender, SentCall[]>()
  let running = 0
  const grant = (): void => {
    while (running < slots) {
      const [next] = lines
      if (!next) return
      const [sender, line] = next
      const call = line.shift()
      lines.delete(sender)
      if (line.length > 0) lines.set(sender, line)
      if (!call) return
      running++
      world.start(call, () => {
        running--
        grant()
      })
    }
  }
  return (call) => {
    const line = lines.get(call.sender)
    if (line) line.push(call)
    else lines.set(call.sender, [call])
    grant()
  }
}
