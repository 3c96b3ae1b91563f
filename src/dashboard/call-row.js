import { element, setAttribute, setText } from './dom.js'
import { bytes, count, duration, UNKNOWN } from './figures.js'

/** The columns, in their order: what stands above each, and what it shows of a call. */
export const COLUMNS = [
  { name: 'State', of: (call) => call.state },
  { name: 'Position', of: (call) => count(call.position), number: true },
  { name: 'Model', of: (call) => call.model ?? UNKNOWN },
  { name: 'Client', of: (call) => call.client || UNKNOWN },
  { name: 'Waited', of: (call) => duration(call.waited_ms), number: true },
  { name: 'Starts in', of: (call) => duration(call.estimated_start_ms), number: true },
  { name: 'Running', of: (call) => duration(call.running_ms), number: true },
  { name: 'In', of: (call) => bytes(call.bytes_in), number: true },
  { name: 'Out', of: (call) => (call.state === 'running' ? bytes(call.bytes_out) : UNKNOWN), number: true },
  {
    name: 'Tokens',
    of: (call) => (call.state === 'running' ? count(call.tokens_out) : UNKNOWN),
    number: true,
  },
  { name: 'Id', of: (call) => call.id },
]

/** One call that is not over, with the button that ends it. */
export class CallRow {
  element = element('tr', { role: 'row' })
  #cells = []
  #call

  /** `cancel` is told the call as it was seen last, and the button. */
  constructor(id, cancel) {
    for (const { name, number } of COLUMNS) {
      const text = element('bdi')
      this.#cells.push(text)
      const attributes = { role: 'cell', 'data-label': name, class: number ? 'number' : '' }
      this.element.append(element('td', attributes, text))
    }
    this.button = element('button', { type: 'button', 'aria-label': `Cancel call ${id}` }, 'Cancel')
    this.button.addEventListener('click', () => cancel(this.#call, this.button))
    this.element.append(element('td', { role: 'cell', class: 'act' }, this.button))
  }

  show(call) {
    this.#call = call
    setAttribute(this.element, 'data-state', call.state)
    for (const [index, { of }] of COLUMNS.entries()) {
      const text = of(call)
      const cell = this.#cells[index]
      setText(cell, text)
      if (cell.parentElement.hasAttribute('data-none') !== (text === UNKNOWN))
        cell.parentElement.toggleAttribute('data-none')
    }
  }
}

/** A call in words, to be told apart from all others. */
export function describe({ id, model, client, state, running_ms, waited_ms }) {
  const since = state === 'running' ? running_ms : waited_ms
  return `Call ${id} of ${client || 'an unknown client'} for ${model ?? 'a model not known yet'}, ${state} for ${duration(since)}. Its client is told that it was cancelled.`
}
