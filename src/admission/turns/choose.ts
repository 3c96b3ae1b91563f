import type { Contender } from './contender.ts'
import type { LoadReason, TurnSettings } from './contract.ts'
import type { SwitchingBudget } from './switching-budget.ts'
import type { Together } from './together.ts'

/** A call in line for so long pays for a first meeting, so that models which fit together find out soon. */
const MEET_AFTER_MS = 5_000
/**
 * An idle runner that is usually called again within so much of a load's time keeps the machine for this long: to wait
 * costs less than to load twice.
 */
const LINGER_SHARE = 0.5
/** A load of which nothing is known. */
const UNKNOWN_LOAD_MS = 2_000

/**
 * A caller that is behind by no more than this gets its turn later: callers that are served in turns are always behind
 * each other by about one call.
 */
const OWED_CALLS = 1
/** A caller that is ahead by no more than this may pass: its own last call can have taken twice as long as predicted. */
const PASSING_CALLS = 2

/** What is known when the next runner is chosen. */
export interface Field {
  readonly inPlay: Iterable<Contender>
  /** Ids of runners in memory that no lane knows. */
  readonly outsiders: readonly string[]
  readonly together: Together
  readonly budget: SwitchingBudget
  readonly settings: TurnSettings
  /** Milliseconds that runners with work took to become idle. */
  readonly drainMs: number
}

/** The next change: who comes, and who leaves for it. */
export interface NextTurn {
  readonly to: Contender
  readonly from: readonly Contender[]
  readonly reason: LoadReason
  /** Milliseconds to take from the budget. */
  readonly costMs: number
}

/** A choice, or the clock milliseconds at which there may be one without a further event. */
export type Verdict = NextTurn | number

/** What a runner needs before the runners in memory leave for it while they have work. */
interface Claim {
  /** Clock milliseconds from which the runner waits for the budget alone. */
  readonly dueAt: number
  /** Clock milliseconds at which the budget allows the switch. */
  readonly paidAt: number
  readonly costMs: number
  readonly reason: LoadReason
}

/**
 * Chooses who comes next, in the order of `candidates`. While a runner whose turn is due waits for the budget, no runner
 * behind it spends from the budget: a longer load may begin with more unpaid, and would always come first.
 */
export function choose(field: Field, now: number): Verdict {
  let nextAt = Number.POSITIVE_INFINITY
  let isBooked = false
  for (const to of candidates(field.inPlay, now)) {
    const loaded = loadedBeside(to, field.inPlay)
    const from = leavers(to, loaded, field, now)
    const needsNone = from.length === 0 || from.every((each) => each.idle)
    const claim = needsNone ? undefined : claimOf(to, from, loaded, field, now)
    if (claim === undefined) {
      const until = lingersUntil(to, from, field.settings, now)
      if (until <= now) return { to, from, reason: freeReason(from, loaded, field), costMs: 0 }
      nextAt = Math.min(nextAt, until)
    } else if (!isBooked) {
      const readyAt = Math.max(claim.dueAt, claim.paidAt)
      if (readyAt <= now) return { to, from, reason: claim.reason, costMs: claim.costMs }
      nextAt = Math.min(nextAt, readyAt)
      isBooked = claim.dueAt <= now
    }
  }
  for (const each of field.inPlay)
    if (each.state === 'absent' && each.waiting > 0 && isHeldBack(each, field.inPlay, now))
      nextAt = Math.min(nextAt, each.history.notBefore)
  return nextAt
}

/** Undefined: the runner needs no budget, because no runner with work has to leave for it. */
export function claimFor(to: Contender, field: Field, now: number): Claim | undefined {
  const loaded = loadedBeside(to, field.inPlay)
  const from = leavers(to, loaded, field, now)
  return from.every((each) => each.idle) ? undefined : claimOf(to, from, loaded, field, now)
}

/**
 * The runners that are wanted and not in memory, in the order in which they are asked: first the one whose call has waited
 * longest. The runners of callers that are not ahead of its callers pass it, each of them once. So the quiet callers
 * of several models are served one after the other, and no busy model is loaded between two of them.
 */
export function candidates(inPlay: Iterable<Contender>, now: number): Contender[] {
  const wanted: Contender[] = []
  for (const each of inPlay)
    if (each.state === 'absent' && each.waiting > 0 && !isHeldBack(each, inPlay, now)) wanted.push(each)
  wanted.sort((a, b) => a.waitingSince(now) - b.waitingSince(now))
  const [oldest] = wanted
  if (oldest === undefined) return wanted
  const passing = wanted.filter(
    (each) => each.history.triedAt < oldest.history.triedAt && each.owedOver(oldest) >= -PASSING_CALLS,
  )
  if (passing.length === 0) return wanted
  passing.sort((a, b) => b.owedOver(oldest) - a.owedOver(oldest))
  return [...passing, ...wanted.filter((each) => !passing.includes(each))]
}

/** Its loads have failed, and other runners have work meanwhile. */
function isHeldBack(contender: Contender, inPlay: Iterable<Contender>, now: number): boolean {
  if (contender.history.notBefore <= now) return false
  for (const each of inPlay) if (each !== contender && !each.idle) return true
  return false
}

function loadedBeside(to: Contender, inPlay: Iterable<Contender>): Contender[] {
  return [...inPlay].filter((each) => each !== to && each.mayBeLoaded)
}

function claimOf(
  to: Contender,
  from: readonly Contender[],
  loaded: readonly Contender[],
  { together, settings, budget, drainMs }: Field,
  now: number,
): Claim {
  const costMs = drainMs + (to.history.loadMs ?? UNKNOWN_LOAD_MS)
  const paidAt = budget.affordableAt(costMs, now)
  const agesAt = to.agesAt(settings.maxWaitMs, now)
  const others = loaded.filter(({ lane }) => lane !== to.lane).map(({ id }) => id)
  // While calls wait, the slots that stand empty before a meeting cost too much.
  const meets =
    from.every(({ lane, waiting }) => lane !== to.lane && waiting === 0) &&
    together.isUnknown([...others, to.id], now)
  const meetsAt = meets ? to.waitingSince(now) + MEET_AFTER_MS : Number.POSITIVE_INFINITY
  if (Math.min(agesAt, meetsAt) > now && isOwed(to, from))
    return { dueAt: now, paidAt, costMs, reason: 'owed' }
  return { dueAt: Math.min(agesAt, meetsAt), paidAt, costMs, reason: meets ? 'meeting' : 'aged' }
}

/** Whether the next caller of `to` is behind those that the runners of `from` serve, by more than a call. */
function isOwed(to: Contender, from: readonly Contender[]): boolean {
  return from.every((each) => each.idle || to.owedOver(each) > OWED_CALLS)
}

function freeReason(
  from: readonly Contender[],
  loaded: readonly Contender[],
  { outsiders }: Field,
): LoadReason {
  if (from.length > 0) return 'idle'
  return loaded.length + outsiders.length === 0 ? 'first' : 'together'
}

/** The loaded runners that must leave, so that the others are known to fit beside `to`. Those with least work leave. */
function leavers(to: Contender, loaded: readonly Contender[], { together, outsiders }: Field, now: number) {
  const same = loaded.filter(({ lane }) => lane === to.lane)
  const others = loaded.filter(({ lane }) => lane !== to.lane)
  const fits = (staying: readonly Contender[]) =>
    together.fits([...staying.map(({ id }) => id), ...outsiders, to.id], now)
  if (fits(others)) return same
  let staying = others.toSorted((a, b) => workMs(b) - workMs(a))
  let from: Contender[] = []
  while (staying.length > 0 && !(from.length > 0 && fits(staying))) from = [...from, ...staying.splice(-1)]
  // A runner with more work may have to leave, and then one with less work need not.
  for (const each of from.slice(0, -1)) {
    if (!fits([...staying, each])) continue
    staying = [...staying, each]
    from = from.filter((other) => other !== each)
  }
  return [...same, ...from]
}

/** Milliseconds until everything that runs or waits is done, with a call of unknown length as one millisecond. */
export function workMs({ lane, running, waiting }: Contender): number {
  const calls = running + waiting
  return calls === 0 ? 0 : (calls * (lane.estimate.meanMs ?? 1)) / Math.max(1, lane.effective.parallel)
}

/** Clock milliseconds until which idle runners keep the machine because their clients come back at once. */
function lingersUntil(
  to: Contender,
  from: readonly Contender[],
  settings: TurnSettings,
  now: number,
): number {
  return Math.min(to.agesAt(settings.maxWaitMs, now), Math.max(...from.map((each) => lingerEnd(each, to))))
}

function lingerEnd({ history }: Contender, to: Contender): number {
  const mostMs = LINGER_SHARE * (to.history.loadMs ?? UNKNOWN_LOAD_MS)
  const isWorthIt = history.quietMs !== undefined && history.quietMs < mostMs
  return isWorthIt ? history.idleSince + mostMs : Number.NEGATIVE_INFINITY
}
