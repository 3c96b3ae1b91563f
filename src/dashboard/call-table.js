import { CallRow, COLUMNS, describe, hasKnownCaller, hasOwnClass } from './call-row.js'
import { confirmCancel } from './dialogs.js'
import { arrange, byId, element, setAttribute, setText, showTotal } from './dom.js'
import { count } from './figures.js'
import { prepareTable } from './table.js'

/** Rows that show before "Show all" is pressed. */
const INITIAL_ROWS = 25

/** The live queue: running and waiting calls, each with a button that cancels the call. */
export class CallTable {
  #actions
  #section = byId('calls')
  #table = byId('calls-table')
  #body = byId('calls-rows')
  #more = byId('calls-more')
  #rows = new Map()
  #page = { total: 0, requests: [] }
  #showsAll = false

  constructor(actions) {
    this.#actions = actions
    prepareTable('calls', COLUMNS)
    const last = element('th', { role: 'columnheader', scope: 'col' })
    last.append(element('span', { class: 'unseen' }, 'Cancel'))
    byId('calls-head').append(last)
    this.#more.addEventListener('click', () => {
      this.#showsAll = !this.#showsAll
      this.show(this.#page)
    })
  }

  /** `page`: the answer of /queue/requests. */
  show(page) {
    this.#page = page
    const { total, requests } = page
    const shown = this.#showsAll ? requests : requests.slice(0, INITIAL_ROWS)
    const rows = new Map(shown.map((call) => [call.id, this.#row(call)]))
    const lostIndex = this.#indexOfLostFocus(rows)
    this.#rows = rows
    const elements = Array.from(rows.values(), (row) => row.element)
    arrange(this.#body, elements)
    if (lostIndex !== undefined) this.#focusAt(lostIndex)
    this.#table.hidden = total === 0
    // Where no call has a caller with a name of its own, the column would repeat the addresses.
    this.#table.toggleAttribute('data-callers', requests.some(hasKnownCaller))
    // Where all calls are normal, the column says nothing.
    this.#table.toggleAttribute('data-classes', requests.some(hasOwnClass))
    this.#table.toggleAttribute(
      'data-users',
      requests.some(({ user }) => user),
    )
    showTotal('calls', total, 'No call is running or waiting.')
    this.#more.hidden = requests.length <= INITIAL_ROWS
    setText(this.#more, this.#moreText(total, requests.length))
    setAttribute(this.#more, 'aria-expanded', String(this.#showsAll))
  }

  #moreText(total, listed) {
    if (this.#showsAll) return `Show the first ${INITIAL_ROWS} only`
    return listed < total ? `Show the first ${listed} of ${count(total)}` : `Show all ${listed}`
  }

  #row(call) {
    const row =
      this.#rows.get(call.id) ?? new CallRow(call.id, (shown, button) => this.#cancel(shown, button))
    row.show(call)
    return row
  }

  /** Index of the row that has the focus, if `kept` does not contain this row. */
  #indexOfLostFocus(kept) {
    for (const [index, [id, row]] of [...this.#rows].entries())
      if (row.element.contains(document.activeElement)) return kept.has(id) ? undefined : index
    return undefined
  }

  /** Keyboard users go on at the row that is now at `index`, or at the section if there is no row. */
  #focusAt(index) {
    const rows = [...this.#rows.values()]
    const next = rows[Math.min(index, rows.length - 1)]?.button ?? this.#section
    next.focus({ preventScroll: true })
  }

  async #cancel(call, button) {
    if (await confirmCancel(describe(call))) {
      const describeResult = ({ state }) => `Call ${call.id} is cancelled; it was ${state}.`
      await this.#actions.run(button, 'admin/queue/cancel', { id: call.id }, describeResult)
    }
    // The row, and the focus with it, may have disappeared while the dialog was open.
    if (document.activeElement === document.body) this.#section.focus({ preventScroll: true })
  }
}
