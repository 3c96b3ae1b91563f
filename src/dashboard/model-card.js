import { element, setAttribute, setText } from './dom.js'
import { count, counted, duration, percent, rate } from './figures.js'
import { LimitsForm } from './limits-form.js'
import { Plot, roundCount, roundDuration } from './plot.js'
import { lineOf, reasonOf, slotsOf } from './shares.js'

/** Longer lists of names are cut: each of the names has a card that says the same. */
const MOST_NAMES = 3
/** The name under which the limits of all cloud models are set. No call has this name. */
const ALL_CLOUD_MODELS = '*:cloud'

/** One model: its current state, its plots over the last minutes, and its limits. */
export class ModelCard {
  element
  #model
  #paused = false
  #badge = element('span', { class: 'badge', hidden: '' })
  #slots = new Bar('Slots')
  #line = new Bar('Line')
  #reason = element('p', { class: 'note' })
  #sharing = element('p', { class: 'note' })
  /** The names in #sharing. */
  #names = ''
  #figures = new Map()
  #plots
  #form

  constructor(model, actions) {
    this.#model = model
    const calls = { name: 'Calls', write: count, round: roundCount, curves: ['running', 'waiting'] }
    this.#plots = [
      {
        plot: new Plot({ ...calls, empty: 'no samples yet' }),
        picks: [(sample) => sample?.active ?? 0, (sample) => sample?.queued ?? 0],
      },
      percentilePlot('Wait', 'wait_ms', 'no call got a slot'),
      percentilePlot('Processing', 'processing_ms', 'no call ended'),
    ]
    this.#form = new LimitsForm(model, actions, () => this.#paused)
    const title = element('h3', {}, element('bdi', {}, model), ' ', this.#badge)
    const bars = element('div', { class: 'bars' }, this.#slots.element, this.#line.element)
    const plots = element('div', { class: 'plots' }, ...this.#plots.map(({ plot }) => plot.element))
    const notes = [this.#reason, this.#sharing]
    const parts = [title, bars, ...notes, this.#figureList(), plots, this.#form.element]
    this.element = element('li', { class: 'card' }, ...parts)
  }

  /** `stats`: the model's object in /queue/stats. `models`: the objects of all models, by name. */
  show(stats, models) {
    this.#paused = stats.paused
    const held = stats.stuck ? 'stuck' : stats.paused ? 'paused' : ''
    setText(this.#badge, held)
    this.#badge.hidden = held === ''
    setAttribute(this.element, 'data-held', held)
    this.#slots.show(slotsOf(stats, models))
    this.#line.show(lineOf(stats, models))
    this.#showText(this.#reason, reasonOf(stats))
    // Without a limit there is nothing to share.
    this.#showNames(stats.effective_limit === null ? [] : stats.aliases)
    const { seconds, tokens_per_second, rejection_rate_percent } = stats.window
    this.#set('Tokens/s', rate(tokens_per_second))
    this.#set('Done', count(stats.total_processed))
    this.#set('Refused', count(stats.total_rejected))
    this.#set('Recently refused', percent(rejection_rate_percent))
    setAttribute(this.#figures.get('Recently refused'), 'title', `of the calls of the last ${seconds} s`)
    const others = [
      [stats.total_timed_out, 'timed out'],
      [stats.total_cancelled, 'cancelled'],
      [stats.total_failed, 'failed'],
    ]
    const shown = others.filter(([number]) => number > 0).map(([number, how]) => `${count(number)} ${how}`)
    this.#set('Not finished', shown.join(', '))
    this.#figures.get('Not finished').parentElement.hidden = shown.length === 0
    this.#form.show(stats)
  }

  plot(samples) {
    for (const { plot, picks } of this.#plots) {
      const curves = picks.map((pick) => samples.curve(this.#model, pick))
      plot.show(this.#model, curves, samples.spanSeconds)
    }
  }

  #showText(note, text) {
    setText(note, text)
    note.hidden = text === ''
  }

  #showNames(aliases) {
    const names = aliases.filter((name) => name !== ALL_CLOUD_MODELS)
    const key = names.join('\n')
    if (key === this.#names && !this.#sharing.hidden) return
    this.#names = key
    this.#sharing.hidden = names.length === 0
    const shown = names.slice(0, MOST_NAMES).flatMap((name) => [', ', element('bdi', {}, name)])
    const more = names.length > MOST_NAMES ? ` and ${counted(names.length - MOST_NAMES, 'other name')}` : ''
    this.#sharing.replaceChildren('Shares its slots with ', ...shown.slice(1), `${more}.`)
  }

  #figureList() {
    const list = element('dl', { class: 'figures' })
    for (const name of ['Tokens/s', 'Done', 'Refused', 'Recently refused', 'Not finished']) {
      const value = element('dd')
      this.#figures.set(name, value)
      list.append(element('div', {}, element('dt', {}, name), value))
    }
    return list
  }

  #set(name, text) {
    setText(this.#figures.get(name), text)
  }
}

/** `field`: the field of a sample that holds the percentiles. */
function percentilePlot(name, field, empty) {
  return {
    plot: new Plot({ name, write: duration, round: roundDuration, curves: ['p50', 'p95'], empty }),
    picks: [(sample) => sample?.[field]?.p50, (sample) => sample?.[field]?.p95],
  }
}

/** How many places are taken and by whom, as figures and as a bar. */
class Bar {
  element
  #name
  #text = element('b')
  #more = element('span')
  #bar
  #own = element('span')
  #others = element('span', { class: 'others' })

  constructor(name) {
    this.#name = name
    this.#bar = element('span', { class: 'bar', 'aria-hidden': 'true' }, this.#own, this.#others)
    this.element = element('p', {}, `${name} `, this.#text, this.#more, this.#bar)
  }

  /** `own`: places taken by this name; `others`: by other names; `limit`: null where there is no limit. */
  show({ own, others, limit }) {
    const taken = own + others
    const isFull = limit !== null && limit > 0 && taken >= limit
    setText(this.#text, limit === null ? count(taken) : `${count(taken)} of ${count(limit)}`)
    setText(this.#more, limit === null ? ', no limit' : others > 0 ? `, ${count(others)} by other names` : '')
    const free = limit === null ? 'no limit' : counted(Math.max(0, limit - taken), 'free place')
    setAttribute(this.element, 'title', free)
    setAttribute(this.element, 'data-full', String(isFull && this.#name === 'Line'))
    this.#bar.classList.toggle('none', limit === null)
    // More places than the limit are taken after the limit was lowered.
    const whole = Math.max(taken, limit ?? 0)
    for (const [part, places] of [
      [this.#own, own],
      [this.#others, others],
    ])
      part.style.width = whole > 0 ? `${Math.round((places / whole) * 1_000) / 10}%` : '0%'
  }
}
