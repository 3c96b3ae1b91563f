import { element, setAttribute, setText } from './dom.js'
import { count, counted, duration, percent, rate } from './figures.js'
import { LimitsForm } from './limits-form.js'
import { Plot, roundCount, roundDuration } from './plot.js'

/** One model: its current state, its plots over the last minutes, and its limits. */
export class ModelCard {
  element
  #model
  #paused = false
  #badge = element('span', { class: 'badge', hidden: '' }, 'paused')
  #slots = new Bar('Slots')
  #line = new Bar('Line')
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
    const parts = [title, bars, this.#figureList(), plots, this.#form.element]
    this.element = element('li', { class: 'card' }, ...parts)
  }

  /** `stats`: the model's object in /queue/stats. */
  show(stats) {
    this.#paused = stats.paused
    this.#badge.hidden = !stats.paused
    setAttribute(this.element, 'data-paused', String(stats.paused))
    this.#slots.show(stats.active_requests, stats.parallel_limit)
    this.#line.show(stats.queued_requests, stats.queue_limit)
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

/** How many places are taken, as figures and as a bar. */
class Bar {
  element
  #name
  #text = element('b')
  #fill = element('span')

  constructor(name) {
    this.#name = name
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' }, this.#fill)
    this.element = element('p', {}, `${name} `, this.#text, bar)
  }

  show(taken, limit) {
    const share = limit > 0 ? Math.min(1, taken / limit) : taken > 0 ? 1 : 0
    setText(this.#text, `${count(taken)} of ${count(limit)}`)
    setAttribute(this.element, 'title', counted(Math.max(0, limit - taken), 'free place'))
    setAttribute(this.element, 'data-full', String(limit > 0 && taken >= limit && this.#name === 'Line'))
    this.#fill.style.width = `${Math.round(share * 1_000) / 10}%`
  }
}
