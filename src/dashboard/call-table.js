import { CallRow, COLUMNS, describe } from './call-row.js'
import { confirmCancel } from './dialogs.js'
import { arrange, byId, element, setAttribute, setText } from './dom.js'
import { count } from './figures.js'

/** So many rows at first: the rest is there when it is asked for. */
const AT_FIRST = 25

/** The live queue: who runs and who waits, with a way to end each. */
export class CallTable {
  #actions
  #section = byId('calls')
  #body = byId('calls-rows')
  #more = byId('calls-more')
  #rows = new Map()
  #page = { total: 0, requests: [] }
  #showsAll = false

  constructor(actions) {
    this.#actions = actions
    // On a narrow screen it is laid out as cards, and browsers then no longer take it for a table by themselves.
    byId('calls-table').role = 'table'
    byId('calls-head').role = 'row'
    for (const group of [byId('calls-head').parentElement, this.#body]) group.role = 'rowgroup'
    for (const { name, number } of COLUMNS) {
      const attributes = { role: 'columnheader', scope: 'col', class: number ? 'number' : '' }
      byId('calls-head').append(element('th', attributes, name))
    }
    const last = element('th', { role: 'columnheader', scope: 'col' })
    last.append(element('span', { class: 'unseen' }, 'Cancel'))
    byId('calls-head').append(last)
    this.#more.addEventListener('click', () => {
      this.#showsAll = !this.#showsAll
      this.show(this.#page)
    })
  }

  /** `page`: as /queue/requests. */
  show(page) {
    this.#page = page
    const { total, requests } = page
    const shown = this.#showsAll ? requests : requests.slice(0, AT_FIRST)
    const rows = new Map(shown.map((call) => [call.id, this.#row(call)]))
    const lost = this.#focusedBefore(rows)
    this.#rows = rows
    arrange(
      this.#body,
      Array.from(rows.values(), (row) => row.element),
    )
    if (lost !== undefined) this.#focusAt(lost)
    byId('calls-table').hidden = total === 0
    const none = byId('calls-none')
    none.hidden = total > 0
    setText(none, 'No call is running or waiting.')
    setText(byId('calls-count'), total === 0 ? '' : count(total))
    this.#more.hidden = requests.length <= AT_FIRST
    setText(this.#more, this.#moreText(total, requests.length))
    setAttribute(this.#more, 'aria-expanded', String(this.#showsAll))
  }

  #moreText(total, listed) {
    if (this.#showsAll) return `Show the first ${AT_FIRST} only`
    return listed < total ? `Show the first ${listed} of ${count(total)}` : `Show all ${listed}`
  }

  #row(call) {
    const row = this.#rows.get(call.id) ?? new CallRow(call.id, (...which) => this.#cancel(...which))
    row.show(call)
    return row
  }

  /** Where the focus stands, when it is in a row that goes now. */
  #focusedBefore(kept) {
    for (const [index, [id, row]] of [...this.#rows].entries())
      if (row.element.contains(document.activeElement)) return kept.has(id) ? undefined : index
    return undefined
  }

  /** Who works down the list without a mouse goes on at the row that has come up, or at the whole. */
  #focusAt(index) {
    const rows = [...this.#rows.values()]
    const next = rows[Math.min(index, rows.length - 1)]?.button ?? this.#section
    next.focus({ preventScroll: true })
  }

  async #cancel(call, button) {
    if (await confirmCancel(describe(call))) {
      const told = ({ state }) => `Call ${call.id} is cancelled; it was ${state}.`
      await this.#actions.run(button, 'admin/queue/cancel', { id: call.id }, told)
    }
    // Its row may have gone while the question was asked, and the focus with it.
    if (document.activeElement === document.body) this.#section.focus({ preventScroll: true })
  }
}
