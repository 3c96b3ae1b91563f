import type { Change } from './change.ts'
import { candidates, claimFor, type Field, workMs } from './choose.ts'
import type { Contender } from './contender.ts'
import type { WaitingFor } from './contract.ts'

/** What a wait for a turn depends on. */
interface Queueing extends Field {
  readonly change: Change | undefined
}

/**
 * Milliseconds until the calls of this runner may run; 0 for a runner that has the machine. The runners that have the
 * machine serve their lines first, as long as the runner that waits lets them, and so do the runners whose turns come
 * earlier. Where nothing is known of a time, the time counts as none.
 */
export function startsInMs(contender: Contender, queueing: Queueing, now: number): number {
  const { change, inPlay } = queueing
  let ms = change === undefined ? holdersMs(contender, queueing, now) : restOf(change, now)
  if (change?.to === contender) return ms
  if (contender.state === 'leaving') return ms + (contender.history.loadMs ?? 0)
  if (change !== undefined) ms += turnMs(change.to, queueing)
  for (const each of candidates(inPlay, now)) {
    if (each === contender) break
    if (each !== change?.to) ms += (each.history.loadMs ?? 0) + turnMs(each, queueing)
  }
  return ms + (contender.history.loadMs ?? 0)
}

/** What the calls in line of a runner wait for. */
export function waitingFor(contender: Contender, queueing: Queueing, now: number): WaitingFor {
  const { change } = queueing
  if (contender.state === 'loaded') return 'slot'
  if (change !== undefined) return change.to === contender && change.stage === 'loading' ? 'load' : 'turn'
  const claim = claimFor(contender, queueing, now)
  return claim !== undefined && claim.dueAt <= now && claim.paidAt > now ? 'budget' : 'turn'
}

/** Milliseconds for which the runners in memory keep the machine. */
function holdersMs(contender: Contender, queueing: Queueing, now: number): number {
  let longest = 0
  for (const each of queueing.inPlay) if (each.state === 'loaded') longest = Math.max(longest, known(each))
  if (longest === 0) return 0
  const claim = claimFor(contender, queueing, now)
  if (claim === undefined) return longest
  return Math.min(longest, Math.max(0, claim.dueAt - now, claim.paidAt - now) + queueing.drainMs)
}

/** Milliseconds until the runner of a change is in memory. */
function restOf({ stage, to, from, sentAt }: Change, now: number): number {
  const loadMs = to.history.loadMs ?? 0
  if (stage === 'loading') return Math.max(0, loadMs - (now - sentAt))
  return stage === 'draining' ? Math.max(0, ...from.map(drainOf)) + loadMs : 0
}

/** Milliseconds of a turn that others wait for. */
function turnMs(each: Contender, { settings }: Queueing): number {
  return Math.min(known(each), settings.maxWaitMs)
}

function known(each: Contender): number {
  return each.lane.estimate.meanMs === undefined ? 0 : workMs(each)
}

/** The last of its running calls ends after about one call. */
function drainOf({ running, lane }: Contender): number {
  return running > 0 ? (lane.estimate.meanMs ?? 0) : 0
}
