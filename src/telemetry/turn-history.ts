import type {
  LeaveReason,
  LoadReason,
  RunnerLeave,
  RunnerLoad,
  RunnerTurn,
  TurnObserver,
  TurnRunner,
} from '../admission/turns/contract.ts'
import type { Clock } from '../clock.ts'
import type { TurnEntry } from '../pages/turns.ts'
import { Moments } from './moments.ts'
import { RecentLoads } from './recent-loads.ts'
import { hundredths } from './snapshot.ts'

const KEPT_MS = 900_000
const MOST_TURNS = 2_000
const MOST_NEWEST = 20
/** Names of a runner in a turn. A runner can have hundreds, and 2000 turns are kept. */
const MOST_NAMES = 10

interface KeptTurn {
  readonly entry: TurnEntry
  /** Clock milliseconds. Undefined while the runner is loaded. */
  readonly endedAt: number | undefined
}

/** Sums since the start, failed loads included. */
interface LoadTotals {
  readonly loads: Record<LoadReason, number>
  failed: number
  loadMs: number
  drainMs: number
}

/** The turns of the last fifteen minutes, at most 2000, and the turns that are not over. */
export class TurnHistory implements TurnObserver {
  readonly #clock: Clock
  readonly #moments: Moments
  readonly #recent = new RecentLoads()
  /** By number. The turn that changed last is last. */
  readonly #turns = new Map<number, KeptTurn>()
  /** Number of the turn of each loaded runner. */
  readonly #open = new Map<string, number>()
  readonly #totals: LoadTotals = {
    loads: { first: 0, together: 0, idle: 0, aged: 0, owed: 0, meeting: 0, outside: 0 },
    failed: 0,
    loadMs: 0,
    drainMs: 0,
  }
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#moments = new Moments(clock)
  }

  get totals(): Readonly<LoadTotals> {
    return this.#totals
  }

  loaded(load: RunnerLoad): void {
    const { at, drainMs, failed, from, loadMs, reason, runner } = load
    this.#recent.add(load)
    this.#totals.loads[reason]++
    this.#totals.loadMs += loadMs
    this.#totals.drainMs += drainMs
    if (failed) this.#totals.failed++
    // A runner that is loaded again, with other options, was not loaded while it was being loaded.
    this.#end(runner, at - loadMs, null)
    const entry = {
      ...this.#newEntry(load),
      reason,
      failed,
      from: from.map(shownRunner),
      drain_ms: hundredths(drainMs),
      load_ms: hundredths(loadMs),
      loaded_at: this.#moments.of(at),
    }
    this.#keep(entry, failed ? at : undefined)
    if (!failed) this.#open.set(runner, entry.number)
  }

  left(leave: RunnerLeave): void {
    const { at, reason, runner } = leave
    if (this.#end(runner, at, reason)) return
    const entry = { ...this.#newEntry(leave), left_at: this.#moments.of(at), leave_reason: reason }
    this.#keep(entry, at)
  }

  /** The turns that are not over, or ended within the last fifteen minutes. In the order of their beginning. */
  list(): readonly TurnEntry[] {
    this.#forget()
    return Array.from(this.#turns.values(), ({ entry }) => entry).sort((a, b) => a.number - b.number)
  }

  /** The turns that changed last, at most twenty, the newest change last. */
  newest(): readonly TurnEntry[] {
    this.#forget()
    return Array.from(this.#turns.values(), ({ entry }) => entry).slice(-MOST_NEWEST)
  }

  /** The loads of the last five minutes. */
  recent(): readonly RunnerLoad[] {
    return this.#recent.at(this.#clock.now())
  }

  /** The share of the last five minutes that went into loading: 0 to 1. `runners`: those of now. */
  loadingShare(runners: Iterable<RunnerTurn>): number {
    return this.#recent.share(this.#clock.now(), runners)
  }

  #newEntry(runner: TurnRunner) {
    return {
      number: ++this.#count,
      ...shownRunner(runner),
      reason: null,
      failed: false,
      from: [],
      drain_ms: null,
      load_ms: null,
      loaded_at: null,
      left_at: null,
      leave_reason: null,
    } satisfies TurnEntry
  }

  /** False when no turn of the runner is known to go on. */
  #end(runner: string, at: number, leaveReason: LeaveReason | null): boolean {
    const number = this.#open.get(runner)
    const kept = number === undefined ? undefined : this.#turns.get(number)
    if (kept === undefined) return false
    this.#open.delete(runner)
    this.#keep({ ...kept.entry, left_at: this.#moments.of(at), leave_reason: leaveReason }, at)
    return true
  }

  #keep(entry: TurnEntry, endedAt: number | undefined): void {
    this.#turns.delete(entry.number)
    this.#turns.set(entry.number, { entry, endedAt })
    this.#forget()
  }

  #forget(): void {
    const oldest = this.#clock.now() - KEPT_MS
    for (const [number, { entry, endedAt }] of this.#turns) {
      const isOver = endedAt !== undefined
      if (this.#turns.size > MOST_TURNS || (isOver && endedAt < oldest)) {
        this.#turns.delete(number)
        if (!isOver) this.#open.delete(entry.runner)
      } else if (isOver) return
    }
  }
}

/** A runner with at most ten of its names. */
export function shownRunner({ runner, names, options }: TurnRunner) {
  return { runner, names: names.slice(0, MOST_NAMES), options }
}
