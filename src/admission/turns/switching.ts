import { Change } from './change.ts'
import type { NextTurn } from './choose.ts'
import { type Contender, runnerOf } from './contender.ts'
import type { LoadedWatch, TurnObserver } from './contract.ts'
import type { SwitchingBudget } from './switching-budget.ts'
import type { Together } from './together.ts'

/** After a failed load, the next is tried so much later while other runners are wanted; twice as long each time. */
const BACKOFF_MS = { first: 1_000, most: 60_000 } as const
/** After so many failed loads in a row, the calls in line are refused while other runners are wanted. */
const MOST_FAILURES = 2

/** A load may take so many times as long as known, or as a load of which nothing is known, and some milliseconds more. */
const PATIENCE = { loads: 3, unknownMs: 10_000, moreMs: 2_000 } as const

interface SwitchingParts {
  readonly inPlay: ReadonlySet<Contender>
  readonly together: Together
  readonly budget: SwitchingBudget
  readonly observer: TurnObserver
  readonly watch: Pick<LoadedWatch, 'look'>
  /** A runner is not in memory any more, because another one has come. */
  evicted(contender: Contender, now: number): void
}

/** Gives the machine from some runners to another one, step by step. One change at a time. */
export class Switching {
  readonly #parts: SwitchingParts
  #change: Change | undefined
  /** Milliseconds that runners with work took to become idle: a mean in which the last one counts half. */
  #drainMs: number | undefined
  /** The last runner that was loaded, and the clock milliseconds of the end of that load. */
  last: { readonly to: Contender; readonly at: number } | undefined

  constructor(parts: SwitchingParts) {
    this.#parts = parts
  }

  get change(): Change | undefined {
    return this.#change
  }

  get drainMs(): number {
    return this.#drainMs ?? 0
  }

  begin(choice: NextTurn, now: number): void {
    this.#change = new Change(choice, now)
    for (const each of choice.from) leave(each, now)
  }

  /** One step of a change whose runners may have become idle. Returns whether anything has changed. */
  step(change: Change, now: number): boolean {
    const { to, stage } = change
    // The calls that asked for the runner have left, or an operator has paused the model.
    const isUnwanted = to.waiting === 0 && (stage === 'draining' || to.running === 0)
    if (stage === 'looking') return false
    if (isUnwanted && stage === 'loading') this.attemptEnded(change, false, now)
    else if (isUnwanted) this.#giveUp(change, now)
    else if (stage === 'loading' && to.running === 0) {
      this.#sendWhenIdle(change, now)
      // A grant that is under way further up gives the slot only after this.
      return false
    } else if (stage === 'loading') return this.#makeRoom(change, now)
    else if (stage === 'draining' && isIdle(change)) this.#send(change, now)
    else return false
    return true
  }

  /** The runner of the change is in memory. */
  loaded(change: Change, now: number): void {
    const { to } = change
    to.become('loaded', now)
    to.notes.loadedAt = now
    to.notes.reloadedFor = change.from.find(({ lane }) => lane === to.lane)
    this.last = { to, at: now }
    change.endedAt = now
    if (change.isOneOfMany) to.learnLoad(change.loadMs, false)
    if (change.costMs > 0) {
      this.#drainMs = this.#drainMs === undefined ? change.drainMs : (this.#drainMs + change.drainMs) / 2
    }
    this.#pay(change, now)
    if (change.from.length > 0) this.#look(change, now)
    else {
      this.#change = undefined
      if (change.isOneOfMany) this.#tell(change, [])
      else to.notes.untold = true
    }
    to.lane.admit(to, 'all', now)
  }

  /** The last call that asked for the runner is over, and the runner was not seen in memory. */
  attemptEnded(change: Change, failed: boolean, now: number): void {
    const { to } = change
    change.endedAt = now
    this.#pay(change, now)
    to.become('absent', now)
    to.lane.admit(to, 'none', now)
    if (failed) this.#failed(change, now)
    // The client left, or Ollama refused the call itself. The next call tries again.
    if (!failed && to.waiting > 0) this.#sendWhenIdle(change, now)
    else this.#look(change, now)
  }

  /** Ollama was asked after the end of a change: the runners that had to leave, and are there still, go on. */
  settle(change: Change, present: ReadonlySet<Contender>, now: number): void {
    const { to, from, failed } = change
    // Calls that run bring their runner back by themselves.
    const left = from.filter((each) => !present.has(each) && each.running === 0)
    const rivals = left.filter(
      ({ lane, history }) => lane !== to.lane && !history.unloadsWhenIdle && !history.doubted,
    )
    const others = [...this.#parts.inPlay].filter((each) => each.state !== 'absent' && each.lane !== to.lane)
    const ids = new Set([...others, ...rivals].map(({ id }) => id))
    if (!failed && rivals.length > 0) this.#parts.together.evicted([...ids], to.id, now)
    for (const each of left) this.#parts.evicted(each, now)
    if (!failed && to.history.loadedAt === change.endedAt) this.#tell(change, left)
    this.#end(change, now)
  }

  /** Gives up a change in which this contender has a part. */
  forget(contender: Contender, now: number): void {
    const change = this.#change
    if (change?.to === contender) this.#end(change, now)
    else if (change !== undefined) change.from = change.from.filter((each) => each !== contender)
  }

  stop(): void {
    this.#change = undefined
  }

  /** After a first attempt, runners may have to leave that were to stay. */
  #sendWhenIdle(change: Change, now: number): void {
    if (isIdle(change)) this.#send(change, now)
    else change.stage = 'draining'
  }

  #send(change: Change, now: number): void {
    const { to, from } = change
    const { inPlay } = this.#parts
    if (from.length > 0) {
      // Ollama evicts an idle runner first, whichever has to leave here. The next look tells which one has left.
      const idle = [...inPlay].filter(
        (each) => each !== to && each.state !== 'leaving' && each.mayBeLoaded && each.idle,
      )
      for (const each of idle) leave(each, now)
      change.from = [...from, ...idle]
    }
    change.stage = 'loading'
    change.sentAt = now
    change.isOneOfMany = inPlay.size > 1
    to.become('loading', now)
    to.notes.triedAt = now
    // What an earlier load was to do is over with it.
    to.notes.unloadsWhenIdle = false
    to.lane.admit(to, change.isOneOfMany ? 'one' : 'all', now)
  }

  /**
   * A load that takes far too long waits for memory: what was seen to fit does not fit this time, so Ollama waits until
   * another runner has no calls. Then all others leave. Returns whether anything has changed.
   */
  #makeRoom(change: Change, now: number): boolean {
    const { to, from, sentAt } = change
    const patienceMs = PATIENCE.loads * (to.history.loadMs ?? PATIENCE.unknownMs) + PATIENCE.moreMs
    if (now - sentAt < patienceMs) return false
    const others = [...this.#parts.inPlay].filter(({ state }) => state === 'loaded')
    if (others.length === 0) return false
    for (const each of others) leave(each, now)
    change.from = [...from, ...others]
    to.lane.admit(to, 'none', now)
    return true
  }

  #failed(change: Change, now: number): void {
    const { to } = change
    change.failed = true
    to.notes.failures++
    const backoffMs = Math.min(BACKOFF_MS.first * 2 ** (to.history.failures - 1), BACKOFF_MS.most)
    to.notes.notBefore = now + backoffMs
    this.#parts.together.failed(to.id)
    this.#tell(change, [])
    if (to.history.failures >= MOST_FAILURES && change.isOneOfMany)
      to.lane.refuseUnloadable(to, backoffMs, now)
  }

  /** Nobody wants the runner any more, before its load began. */
  #giveUp(change: Change, now: number): void {
    this.#pay(change, now)
    this.#end(change, now)
  }

  /** Takes the time of a change from the budget, also where the change has come to nothing. */
  #pay(change: Change, now: number): void {
    if (change.costMs > 0) this.#parts.budget.spend(now - change.paidUntil, now)
    change.paidUntil = now
  }

  #look(change: Change, now: number): void {
    if (change.from.length === 0) this.#end(change, now)
    else {
      change.stage = 'looking'
      this.#parts.watch.look()
    }
  }

  #end(change: Change, now: number): void {
    if (this.#change === change) this.#change = undefined
    for (const each of change.from) {
      if (each.state !== 'leaving') continue
      const isIn = !each.history.doubted
      each.become(isIn ? 'loaded' : 'absent', now)
      each.lane.admit(each, isIn ? 'all' : 'none', now)
    }
  }

  #tell({ to, reason, endedAt, drainMs, loadMs, failed }: Change, from: readonly Contender[]): void {
    const times = { at: endedAt, drainMs, loadMs }
    this.#parts.observer.loaded({ ...runnerOf(to), reason, from: from.map(runnerOf), ...times, failed })
  }
}

/** Whether the last calls of the runners that leave are over. */
function isIdle({ from }: Change): boolean {
  return from.every(({ running }) => running === 0)
}

function leave(contender: Contender, now: number): void {
  contender.become('leaving', now)
  contender.lane.admit(contender, 'none', now)
}
