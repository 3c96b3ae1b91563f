import { arrange, byId, element, setText } from './dom.js'
import { count, percent } from './figures.js'
import { ProxyClock } from './proxy-clock.js'
import { nameOf, TurnLane, tell, timeAt } from './turn-lane.js'
import { TurnLog } from './turn-log.js'

const MOST_LANES = 12
const MOST_ROWS = 20
/** Sets of models in a sentence. /queue/stats has all. */
const MOST_SETS = 6

const MODES = {
  off: 'Turns are switched off: each model gets its calls at once.',
  unavailable: 'Ollama does not tell what is loaded. So no call waits for a turn.',
}

/** Who had the machine in the last minutes, and who comes next. */
export class Turns {
  #clock = new ProxyClock()
  #log = new TurnLog()
  #lanes = new Map()
  #details = byId('turns-last')
  #turns = { mode: 'auto', loaded: [], next: null, together: [], apart: [], loads: {}, loading_percent: 0 }
  /** Names by runner. */
  #names = new Map()

  constructor() {
    this.#details.addEventListener('toggle', () => this.#showRows())
  }

  /** `page`: the answer of /queue/history. */
  history({ turns, samples }) {
    this.#clock.restart()
    this.#log.replace(turns)
    this.sample(samples.at(-1) ?? null)
  }

  changed({ turns }) {
    this.#log.add(turns)
    for (const { loaded_at, left_at } of turns)
      for (const at of [loaded_at, left_at]) if (at !== null) this.#clock.saw(at)
    this.#draw()
  }

  /** `page`: the answer of /health. */
  health({ timestamp }) {
    this.#clock.saw(timestamp)
  }

  sample(sample) {
    if (sample !== null) this.#clock.saw(sample.at)
    this.#draw()
  }

  /** `page`: the answer of /queue/stats. */
  stats({ turns, models }) {
    this.#turns = turns
    this.#names = new Map(turns.loaded.map(({ runner, names }) => [runner, names]))
    for (const { runner, model, aliases } of Object.values(models))
      if (!this.#names.has(runner)) this.#names.set(runner, [model, ...aliases])
    for (const { since } of turns.loaded) this.#clock.saw(since)
    this.#log.show(turns.loaded)
    this.#draw()
  }

  #draw() {
    // With one runner nobody waits for a turn, and there is nothing to see.
    const isHidden = this.#turns.mode === 'auto' && this.#log.told < 2
    byId('turns').hidden = isHidden
    byId('turns-link').hidden = isHidden
    if (isHidden) return
    setText(byId('turns-now'), this.#nowText())
    setText(byId('turns-loads'), this.#loadsText())
    setText(byId('turns-sets'), this.#setsText())
    this.#showLanes()
    this.#showRows()
  }

  #showLanes() {
    const now = this.#clock.now()
    const lanes = this.#log.lanes(now)
    const newest = ([, { spans }]) => Math.max(...spans.map(({ to }) => to))
    const shown = [...lanes].sort((a, b) => newest(b) - newest(a)).slice(0, MOST_LANES)
    for (const runner of this.#lanes.keys()) if (!lanes.has(runner)) this.#lanes.delete(runner)
    // A lane keeps its place: new lanes come below.
    for (const [runner] of shown) if (!this.#lanes.has(runner)) this.#lanes.set(runner, new TurnLane())
    const rows = [...this.#lanes].filter(([runner]) => shown.some(([each]) => each === runner))
    for (const [runner, row] of rows) {
      const current = this.#turns.loaded.find((each) => each.runner === runner)
      row.show(lanes.get(runner), current, now)
    }
    arrange(
      byId('turns-lanes'),
      rows.map(([, row]) => row.element),
    )
    byId('turns-drawing').hidden = rows.length === 0
    const others = lanes.size - rows.length
    setText(byId('turns-more'), others > 0 ? `${count(others)} more had the machine before.` : '')
  }

  #nowText() {
    const { loaded, mode, next } = this.#turns
    if (mode !== 'auto') return MODES[mode] ?? ''
    const parts = loaded.map((runner) => `${nameOf(runner)}: ${runner.state} since ${timeAt(runner.since)}`)
    if (parts.length === 0) parts.push('Nothing is loaded')
    const comes =
      next === null
        ? 'No call waits for a turn.'
        : `Next: ${nameOf(next)}, whose first call has waited since ${timeAt(next.since)}.`
    return `${parts.join('; ')}. ${comes}`
  }

  #loadsText() {
    const { loads, loading_percent } = this.#turns
    const reasons = Object.entries(loads).filter(([, number]) => number > 0)
    const total = reasons.reduce((sum, [, number]) => sum + number, 0)
    if (total === 0) return ''
    const why = reasons.map(([reason, number]) => `${reason} ${count(number)}`).join(', ')
    return `${percent(loading_percent)} of the last 5 min went into loading. Loads since the start: ${count(total)} (${why}).`
  }

  #setsText() {
    const { together, apart } = this.#turns
    const sentences = []
    if (together.length > 0) sentences.push(`Seen in memory together: ${this.#setsOf(together)}.`)
    if (apart.length > 0) sentences.push(`Do not fit together: ${this.#setsOf(apart)}.`)
    return sentences.join(' ')
  }

  #setsOf(sets) {
    const shown = sets.slice(0, MOST_SETS).map((set) => set.map((runner) => this.#name(runner)).join(' + '))
    if (sets.length > MOST_SETS) shown.push(`${count(sets.length - MOST_SETS)} more`)
    return shown.join('; ')
  }

  #name(runner) {
    const names = this.#names.get(runner) ?? this.#log.namesOf(runner) ?? []
    return nameOf({ names, runner })
  }

  /** The last turns as sentences, for people who cannot see the drawing or point at it. */
  #showRows() {
    if (!this.#details.open) return
    const rows = this.#log.last(MOST_ROWS).map((turn) => element('li', {}, tell(turn)))
    byId('turns-rows').replaceChildren(...rows)
  }
}
