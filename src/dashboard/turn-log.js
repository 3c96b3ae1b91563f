/** Turns kept, as many as the proxy keeps. */
const MOST_TURNS = 2_000
/** Milliseconds that the proxy tells and the lanes show. */
export const SPAN_MS = 900_000
/** Blocks of all lanes together. More would take long to draw, and would be narrower than a pixel. */
const MOST_DRAWN = 300

/** The turns of the last fifteen minutes, as spans of time by runner. Moments are milliseconds since 1970. */
export class TurnLog {
  /** By number. */
  #turns = new Map()
  /** When each runner was in memory last, by runner. */
  #seen = new Map()
  /** Runners in memory or on their way, as /queue/stats has them. */
  #runners = []
  /** All runners that were ever told. */
  #told = new Set()

  /** Another connection: `turns` are all that there are. */
  replace(turns) {
    this.#turns.clear()
    this.add(turns)
  }

  /** A turn that is known already comes again when it has changed. */
  add(turns) {
    for (const turn of turns) {
      this.#turns.set(turn.number, turn)
      this.#told.add(turn.runner)
    }
    const numbers = [...this.#turns.keys()].sort((a, b) => a - b)
    for (const number of numbers.slice(0, -MOST_TURNS)) this.#turns.delete(number)
  }

  /** `runners`: `turns.loaded` of /queue/stats. */
  show(runners) {
    this.#runners = runners
    for (const { runner } of runners) this.#told.add(runner)
  }

  /** How many different runners were ever told. */
  get told() {
    return this.#told.size
  }

  /** The names of a runner that had a turn. Undefined for another runner. */
  namesOf(runner) {
    return [...this.#turns.values()].findLast((turn) => turn.runner === runner)?.names
  }

  /** The last turns, the newest first. */
  last(number) {
    return [...this.#turns.values()].sort((a, b) => b.number - a.number).slice(0, number)
  }

  /**
   * The lanes by runner: `names`, and `spans` with `state`, `from` and `to`. States are loaded, loading, failed and
   * leaving. A later span covers an earlier one.
   */
  lanes(now) {
    const start = now - SPAN_MS
    const lanes = new Map()
    const draw = ({ runner, names }, state, from, to, turn) => {
      const span = { state, from: Math.max(from, start), to: Math.min(to, now), turn }
      if (!(span.from < span.to)) return
      if (!lanes.has(runner)) lanes.set(runner, { runner, names, spans: [] })
      lanes.get(runner).spans.push(span)
    }
    for (const { runner, state } of this.#runners) if (state !== 'loading') this.#seen.set(runner, now)
    const open = new Set()
    for (const turn of this.last(MOST_DRAWN).reverse()) {
      this.#drawTurn(turn, now, draw)
      if (turn.loaded_at !== null && turn.left_at === null && !turn.failed) open.add(turn.runner)
    }
    for (const runner of this.#runners) {
      const since = Date.parse(runner.since)
      if (runner.state !== 'loaded') draw(runner, runner.state, since, now)
      // Loaded before the proxy began to tell.
      else if (!open.has(runner.runner)) draw(runner, 'loaded', since, now)
    }
    return lanes
  }

  #drawTurn(turn, now, draw) {
    if (turn.loaded_at === null) return
    const loadedAt = Date.parse(turn.loaded_at)
    const asked = loadedAt - (turn.load_ms ?? 0)
    if (!turn.failed) draw(turn, 'loaded', loadedAt, this.#endOf(turn, now), turn)
    for (const left of turn.from) draw(left, 'leaving', asked - (turn.drain_ms ?? 0), asked, turn)
    draw(turn, turn.failed ? 'failed' : 'loading', asked, loadedAt, turn)
  }

  /** Where nobody tells whether a runner is still loaded, its turn is drawn to the last time at which it was. */
  #endOf({ left_at, runner }, now) {
    if (left_at !== null) return Date.parse(left_at)
    return Math.min(now, this.#seen.get(runner) ?? 0)
  }
}
