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

/** Chooses who comes next. The runner whose first call has waited longest is asked first. */
export function choose(field: Field, now: number): Verdict {
  let dueAt = Number.POSITIVE_INFINITY
  const loaded = [...field.inPlay].filter(({ mayBeLoaded }) => mayBeLoaded)
  for (const to of candidates(field.inPlay, now)) {
    const verdict = judge(
      to,
      loaded.filter((each) => each !== to),
      field,
      now,
    )
    if (typeof verdict !== 'number') return verdict
    dueAt = Math.min(dueAt, verdict)
  }
  for (const each of field.inPlay)
    if (each.state === 'absent' && each.waiting > 0 && isHeldBack(each, field.inPlay, now))
      dueAt = Math.min(dueAt, each.history.notBefore)
  return dueAt
}

/** The runners that are wanted and not in memory, the longest wanted first. */
export function candidates(inPlay: Iterable<Contender>, now: number): Contender[] {
  const wanted: Contender[] = []
  for (const each of inPlay)
    if (each.state === 'absent' && each.waiting > 0 && !isHeldBack(each, inPlay, now)) wanted.push(each)
  return wanted.sort((a, b) => a.waitingSince(now) - b.waitingSince(now))
}

/** Its loads have failed, and other runners have work meanwhile. */
function isHeldBack(contender: Contender, inPlay: Iterable<Contender>, now: number): boolean {
  if (contender.history.notBefore <= now) return false
  for (const each of inPlay) if (each !== contender && !each.idle) return true
  return false
}

function judge(to: Contender, loaded: readonly Contender[], field: Field, now: number): Verdict {
  const { together, settings, budget } = field
  const from = leavers(to, loaded, field, now)
  if (from.length === 0)
    return {
      to,
      from,
      reason: loaded.length + field.outsiders.length === 0 ? 'first' : 'together',
      costMs: 0,
    }
  const costMs = field.drainMs + (to.history.loadMs ?? UNKNOWN_LOAD_MS)
  const wantedAt = to.agesAt(settings.maxWaitMs, now)
  if (from.every((each) => each.idle)) {
    const lingersUntil = Math.min(wantedAt, Math.max(...from.map((each) => lingerEnd(each, to))))
    return lingersUntil > now ? lingersUntil : { to, from, reason: 'idle', costMs: 0 }
  }
  const others = loaded.filter(({ lane }) => lane !== to.lane).map(({ id }) => id)
  // While calls wait, the slots that stand empty before a meeting cost too much.
  const meets =
    from.every(({ lane, waiting }) => lane !== to.lane && waiting === 0) &&
    together.isUnknown([...others, to.id], now)
  const dueAt = meets ? Math.min(wantedAt, to.waitingSince(now) + MEET_AFTER_MS) : wantedAt
  const readyAt = Math.max(dueAt, budget.affordableAt(costMs, now))
  return readyAt > now ? readyAt : { to, from, reason: meets ? 'meeting' : 'aged', costMs }
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

/** Clock milliseconds until which an idle runner keeps the machine because its clients come back at once. */
function lingerEnd({ history }: Contender, to: Contender): number {
  const mostMs = LINGER_SHARE * (to.history.loadMs ?? UNKNOWN_LOAD_MS)
  const isWorthIt = history.quietMs !== undefined && history.quietMs < mostMs
  return isWorthIt ? history.idleSince + mostMs : Number.NEGATIVE_INFINITY
}
