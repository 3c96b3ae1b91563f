import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backlogs, classes, floods } from '../../../bench/fairness/cases.ts'
import { CONTESTANTS, fifo, roundRobin } from '../../../bench/fairness/contestants.ts'
import { type Course, type SharingContestant, share } from '../../../bench/fairness/sharing.ts'
import type { Sender, SharingWorkload } from '../../../bench/fairness/workload.ts'

/** Of the runs of the bench, so that a test takes no time. */
const HOURS = 0.1

const slot = { slots: 1, promptRate: 1_000, outputRate: 1_000, slowdown: 0 }

/** Calls of one second, by the callers of these names, as `a a b`: one every millisecond. */
function calling(names: string): SharingWorkload {
  const arrivals = names.split(' ').map((name, index) => {
    return { name, arrival: { atMs: index, promptTokens: 0, outputTokens: 1_000 } }
  })
  const senders = [...new Set(names.split(' '))].map((name): Sender => {
    const own = arrivals.filter((each) => each.name === name).map(({ arrival }) => arrival)
    return { name, pace: { arrivals: own } }
  })
  return { name: names, machine: slot, reserve: 0, senders, runMs: 60_000 }
}

function servedBy(contestant: SharingContestant, names: string): string {
  return share(calling(names), contestant)
    .toSorted((a, b) => (a.startedAt ?? Number.NaN) - (b.startedAt ?? Number.NaN))
    .map(({ call }) => call.sender.name)
    .join(' ')
}

describe('a contestant of the bench of fairness', () => {
  it('serves one call of each caller in turn, or all in the order of their arrival', () => {
    assert.equal(servedBy(fifo, 'a a a b b c'), 'a a a b b c')
    assert.equal(servedBy(roundRobin, 'a a a b b c'), 'a a b c a b')
  })

  for (const contestant of CONTESTANTS) {
    it(`leaves no slot free while a call waits: ${contestant.name}`, () => {
      for (const workload of [...floods(HOURS), ...backlogs(HOURS), ...classes(HOURS)]) {
        const courses = share({ ...workload, reserve: 0 }, contestant)
        assert.deepEqual(freeWhileWaiting(workload, courses), [], workload.name)
      }
    })

    it(`serves the calls of each caller in their order, and takes the same course each time: ${contestant.name}`, () => {
      for (const workload of classes(HOURS)) {
        const courses = share(workload, contestant)
        for (const sender of workload.senders) {
          const starts = courses
            .filter(({ call }) => call.sender === sender)
            .map(({ startedAt }) => startedAt ?? Number.POSITIVE_INFINITY)
          assert.deepEqual(
            starts,
            starts.toSorted((a, b) => a - b),
          )
        }
        const times = (all: readonly Course[]) =>
          all.map(({ call, startedAt, endedAt }) => [call.sender.name, call.atMs, startedAt, endedAt])
        assert.deepEqual(times(share(workload, contestant)), times(courses))
      }
    })
  }

  it('gets the same calls of each caller as the others do', () => {
    for (const workload of floods(HOURS)) {
      const tokens = CONTESTANTS.map((contestant) => {
        const courses = share(workload, contestant)
        return workload.senders.map((sender) => {
          const own = courses.filter(({ call }) => call.sender === sender)
          return own.slice(0, 10).map(({ call }) => call.outputTokens)
        })
      })
      for (const each of tokens) assert.deepEqual(each, tokens[0])
    }
  })
})

/** The times at which a slot was free and a call waited. */
function freeWhileWaiting({ machine, runMs }: SharingWorkload, courses: readonly Course[]): number[] {
  const changes = courses.flatMap(({ call, startedAt = runMs, endedAt = runMs }) => [
    { at: call.atMs, waiting: 1, running: 0 },
    { at: startedAt, waiting: -1, running: 1 },
    { at: endedAt, waiting: 0, running: -1 },
  ])
  changes.sort((a, b) => a.at - b.at)
  const found: number[] = []
  let waiting = 0
  let running = 0
  for (const [index, change] of changes.entries()) {
    waiting += change.waiting
    running += change.running
    const next = changes[index + 1]?.at ?? runMs
    if (next > change.at && waiting > 0 && running < machine.slots) found.push(change.at)
  }
  return found
}
