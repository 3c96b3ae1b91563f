import type { CallerAccount } from './caller-account.ts'
import type { Call } from './contract.ts'
import { servingOrder } from './fair/serving-order.ts'
import type { LaneLine, NamedCalls } from './lane-line.ts'
import type { LocalTicket } from './local-ticket.ts'
import { Contender, type TurnLane } from './turns/contender.ts'

/** Sets of load options for which one runner has lines of its own. Further sets stand in the line that is served. */
const MOST_CONTENDERS = 16

/** Shared by all lanes whose calls have one set of load options: nearly all lanes. */
const NONE: readonly never[] = []

export interface LineMaker<M extends NamedCalls> {
  newLine(): LaneLine<M>
}

/** The calls in line of one lane: a line for each set of load options, because Ollama loads a runner for one set at a time. */
export class LaneContenders<M extends NamedCalls> {
  readonly #lane: TurnLane
  readonly #maker: LineMaker<M>
  /** For LaneContenders alone to change: the contender whose calls run, or ran last. */
  current: Contender<LaneLine<M>>
  #others: readonly Contender<LaneLine<M>>[] = NONE

  constructor(lane: TurnLane, maker: LineMaker<M>) {
    this.#lane = lane
    this.#maker = maker
    this.current = new Contender(lane, '')
  }

  get all(): readonly Contender<LaneLine<M>>[] {
    return this.#others.length === 0 ? [this.current] : [this.current, ...this.#others]
  }

  /** The contender that /api/ps means when it shows the runner. */
  get shown(): Contender<LaneLine<M>> {
    const isThere = (each: Contender) => each.state !== 'absent'
    return this.all.find(isThere) ?? this.all.find(({ history }) => history.doubted) ?? this.current
  }

  /** The contender of a call that was granted. Another one may be current by now. */
  find(contender: object | undefined): Contender<LaneLine<M>> {
    return contender === this.current
      ? this.current
      : (this.all.find((each) => each === contender) ?? this.current)
  }

  /** Calls in line. */
  get queued(): number {
    let queued = this.current.queued
    for (const each of this.#others) queued += each.queued
    return queued
  }

  /** The contender that serves a call with these options. `split`: calls with other options wait for another turn. */
  of({ options = '' }: Call, split: boolean): Contender<LaneLine<M>> {
    if (!split || this.current.serves(options)) return this.current
    const known = this.#others.find((each) => each.serves(options))
    if (known !== undefined) return known
    this.#others = this.#others.filter((each) => !each.isOut)
    const contender = new Contender<LaneLine<M>>(this.#lane, options)
    // The first call of a lane tells its options.
    if (this.current.isOut) this.current = contender
    else if (this.#others.length + 1 < MOST_CONTENDERS) this.#others = [...this.#others, contender]
    else return this.current
    return contender
  }

  /** The calls of `contender` run from now on. */
  choose(contender: object): void {
    const chosen = this.#others.find((each) => each === contender)
    if (chosen === undefined) return
    this.#others = [this.current, ...this.#others.filter((each) => each !== chosen)]
    this.current = chosen
  }

  lineOf(contender: Contender<LaneLine<M>>): LaneLine<M> {
    contender.line ??= this.#maker.newLine()
    return contender.line
  }

  /**
   * All calls in line, as they will be served: first those of the current contender, then those of the others, the one
   * with the oldest call first.
   */
  waiting(): Iterable<LocalTicket<M>> {
    const first = this.#served(this.current)
    if (this.#others.length === 0) return first
    const numberOf = ({ line }: Contender<LaneLine<M>>) => line?.oldest()?.number ?? Number.POSITIVE_INFINITY
    const others = this.#others.toSorted((a, b) => numberOf(a) - numberOf(b))
    return [...first, ...others.flatMap((each) => [...this.#served(each)])]
  }

  /** Callers that wait. A caller that waits with two sets of options counts twice. */
  get callers(): number {
    let callers = 0
    for (const { line } of this.all) for (const part of line?.classes ?? []) callers += part?.callers ?? 0
    return callers
  }

  /** Whether calls of this caller are in line. */
  hasInLine(account: CallerAccount | undefined): boolean {
    if (account === undefined) return false
    return this.lines().some(({ classes }) => classes.some((part) => part?.find(account) !== undefined))
  }

  /** The lines in which somebody may stand. */
  lines(): LaneLine<M>[] {
    return this.all.flatMap(({ line }) => line ?? [])
  }

  /** Refuses calls past their deadline. Returns the earliest deadline of the other calls in line, or Infinity. */
  expire(now: number): number {
    return Math.min(...this.lines().map((line) => line.expire(now)))
  }

  /** Puts the calls of all lines into one. */
  merge(): void {
    if (this.#others.length === 0) return
    const others = this.#others.flatMap(({ line }) => line?.give(() => true) ?? [])
    this.#others = NONE
    if (others.length > 0) this.lineOf(this.current).take(others)
  }

  /** Moves the calls of `other` to `contender`, which has the same runner. Returns the contender that is no more. */
  unite(contender: object, other: object): readonly Contender<LaneLine<M>>[] {
    const [to, from] = [contender, other].map((wanted) => this.all.find((each) => each === wanted))
    if (to === undefined || from === undefined || from === this.current) return []
    to.unite(from)
    this.#others = this.#others.filter((each) => each !== from)
    this.lineOf(to).take(from.line?.give(() => true) ?? [])
    return [from]
  }

  /** Takes calls that another lane has given. `split`: as in `of`. */
  take(tickets: readonly LocalTicket<M>[], split: boolean): void {
    for (const ticket of tickets) this.lineOf(this.of(ticket.call, split)).take([ticket])
  }

  /** Gives up the calls in line that `moves` names. */
  give(moves: (ticket: LocalTicket<M>) => boolean): LocalTicket<M>[] {
    return this.lines().flatMap((line) => line.give(moves))
  }

  #served({ line }: Contender<LaneLine<M>>): Iterable<LocalTicket<M>> {
    const { effective, estimate } = this.#lane
    return line === undefined ? [] : servingOrder(line, effective.parallel, estimate.meanMs)
  }
}
