import { element, setAttribute, setText } from './dom.js'
import { bytes, count, duration, UNKNOWN } from './figures.js'
import { cellOf } from './table.js'

/** What a waiting call waits for. */
const WAITING_FOR = {
  slot: 'a slot',
  turn: 'its turn',
  load: 'the load',
  paused: 'the end of the pause',
  stuck: 'Ollama, which is stuck',
  budget: 'max_switching',
  caller: 'its caller',
}

/** The columns in their order. `text` gives a cell's text for a call, and `link` an address for the id of a call. */
export const COLUMNS = [
  { name: 'State', text: (call) => call.state },
  { name: 'Position', text: (call) => count(call.position), number: true },
  { name: 'Model', text: (call) => call.model ?? UNKNOWN },
  { name: 'Caller', text: (call) => call.caller ?? UNKNOWN },
  { name: 'Class', text: (call) => call.class ?? UNKNOWN },
  { name: 'User', text: (call) => call.user ?? UNKNOWN },
  { name: 'Client', text: (call) => call.client || UNKNOWN },
  { name: 'Waits for', text: (call) => WAITING_FOR[call.waiting_for] ?? call.waiting_for ?? UNKNOWN },
  { name: 'Waited', text: (call) => duration(call.waited_ms), number: true },
  { name: 'Starts in', text: (call) => duration(call.estimated_start_ms), number: true },
  { name: 'Running', text: (call) => duration(call.running_ms), number: true },
  { name: 'In', text: (call) => bytes(call.bytes_in), number: true },
  { name: 'Out', text: (call) => (call.state === 'running' ? bytes(call.bytes_out) : UNKNOWN), number: true },
  {
    name: 'Tokens',
    text: (call) => (call.state === 'running' ? count(call.tokens_out) : UNKNOWN),
    number: true,
  },
  // The page of the call for the person who waits for it.
  { name: 'Id', text: (call) => call.id, link: (id) => `queue/ticket/${encodeURIComponent(id)}` },
]

/** A running or waiting call, with the button that cancels the call. */
export class CallRow {
  element = element('tr', { role: 'row' })
  #cells = []
  #call

  /** `cancel` gets the call as last shown, and the button. */
  constructor(id, cancel) {
    for (const column of COLUMNS) {
      const text = element('bdi')
      const cell = cellOf(column, column.link ? element('a', { href: column.link(id) }, text) : text)
      this.#cells.push({ cell, text })
      this.element.append(cell)
    }
    this.button = element('button', { type: 'button', 'aria-label': `Cancel call ${id}` }, 'Cancel')
    this.button.addEventListener('click', () => cancel(this.#call, this.button))
    this.element.append(element('td', { role: 'cell', class: 'act' }, this.button))
  }

  show(call) {
    this.#call = call
    setAttribute(this.element, 'data-state', call.state)
    for (const [index, column] of COLUMNS.entries()) {
      const text = column.text(call)
      const { cell, text: shown } = this.#cells[index]
      setText(shown, text)
      if (cell.hasAttribute('data-none') !== (text === UNKNOWN)) cell.toggleAttribute('data-none')
    }
  }
}

/** Whether a call is charged to something else than the client's address. Older proxies do not tell the caller. */
export function hasKnownCaller({ caller, client }) {
  return (caller ?? client) !== client
}

/** Whether a call is of another class than most. Older proxies do not tell the class. */
export function hasOwnClass(call) {
  return (call.class ?? 'normal') !== 'normal'
}

/** Describes a call so that it cannot be confused with another call: text, and elements with text of clients. */
export function describe(call) {
  const { id, model, client, caller, user, state, running_ms, waited_ms } = call
  const since = duration(state === 'running' ? running_ms : waited_ms)
  const who = hasKnownCaller(call) ? [nameIn(caller), ...(user ? [', user ', nameIn(user)] : []), ' at '] : []
  const what = [nameIn(client || 'an unknown client'), ' for ', nameIn(model ?? 'a model not known yet')]
  const then = `, ${state} for ${since}. The client gets an error: the call was cancelled.`
  return ['Call ', nameIn(id), ' of ', ...who, ...what, then]
}

/** Text that runs from right to left does not turn the sentence around the text. */
function nameIn(text) {
  return element('bdi', {}, text)
}
