import { element, setAttribute, setText } from './dom.js'
import { counted, duration, timeOfDay } from './figures.js'
import { SPAN_MS } from './turn-log.js'

/** `a`, or `a and 2 other names`. */
export function nameOf({ names, runner }) {
  const [name = runner] = names
  return names.length < 2 ? name : `${name} and ${counted(names.length - 1, 'other name')}`
}

/** One runner: its name, its state, and blocks for the time in which it had the machine. */
export class TurnLane {
  #name = element('bdi')
  #state = element('span', { class: 'note' })
  #track = element('div', { class: 'track', role: 'img' })
  element = element('li', { class: 'lane' }, element('p', {}, this.#name, ' ', this.#state), this.#track)

  /** `lane`: as TurnLog has it. `current`: the runner in /queue/stats, if it is there. */
  show(lane, current, now) {
    const name = nameOf(lane)
    setText(this.#name, name)
    setText(this.#state, current ? `${current.state} since ${timeAt(current.since)}` : '')
    setAttribute(this.#track, 'aria-label', `${name} in the last ${duration(SPAN_MS)}: ${summaryOf(lane)}`)
    const { children } = this.#track
    while (children.length > lane.spans.length) this.#track.lastElementChild.remove()
    while (children.length < lane.spans.length) this.#track.append(element('span', { class: 'block' }))
    for (const [index, span] of lane.spans.entries()) showBlock(children[index], span, now)
  }
}

/** A turn in a sentence or more. */
export function tell({
  failed,
  from,
  leave_reason,
  left_at,
  load_ms,
  loaded_at,
  drain_ms,
  options,
  reason,
  ...runner
}) {
  const name = options === '' ? nameOf(runner) : `${nameOf(runner)} with ${options}`
  const parts = []
  if (loaded_at === null) parts.push(`${name} was loaded already.`)
  else {
    const how = failed ? 'was not loaded: Ollama failed, or the client left, after' : 'was loaded in'
    parts.push(`${timeAt(loaded_at)}: ${name} ${how} ${duration(load_ms)}. Why: ${reason}.`)
  }
  if (from.length > 0)
    parts.push(`In place of ${from.map(nameOf).join(', ')}, after ${duration(drain_ms)} of drain.`)
  if (left_at !== null) parts.push(`Left at ${timeAt(left_at)}: ${leave_reason ?? 'it was loaded again'}.`)
  return parts.join(' ')
}

/** `moment`: as a page has it, or milliseconds since 1970. */
export function timeAt(moment) {
  return timeOfDay(new Date(moment))
}

function showBlock(block, span, now) {
  const { state, from, to } = span
  setAttribute(block, 'data-state', state)
  setAttribute(block, 'title', describe(span))
  block.style.left = percentOf(from - (now - SPAN_MS))
  block.style.width = percentOf(to - from)
}

function percentOf(ms) {
  return `${((100 * ms) / SPAN_MS).toFixed(3)}%`
}

function describe({ state, from, to, turn }) {
  const when = `${state} for ${duration(to - from)}, from ${timeAt(from)}`
  if (turn === undefined) return when
  return state === 'leaving' ? `${when}, for ${nameOf(turn)}` : `${when}. ${tell(turn)}`
}

function summaryOf({ spans }) {
  const of = (state) => spans.filter((span) => span.state === state)
  const time = (state) => duration(of(state).reduce((sum, { from, to }) => sum + to - from, 0))
  const leaving = of('leaving').length > 0 ? ` (${time('leaving')} of them leaving)` : ''
  const parts = [`${counted(of('loaded').length, 'turn')}, ${time('loaded')} in memory${leaving}`]
  if (of('loading').length > 0) parts.push(`${time('loading')} loading`)
  if (of('failed').length > 0) parts.push(counted(of('failed').length, 'failed load'))
  return parts.join(', ')
}
