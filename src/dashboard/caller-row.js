import { element, setAttribute, setText } from './dom.js'
import { count, rate } from './figures.js'
import { ShareBar } from './share-bar.js'
import { cellOf } from './table.js'

/** The columns in their order. */
export const COLUMNS = [
  { name: 'Caller' },
  { name: 'Share of 5 min' },
  { name: 'Running' },
  { name: 'Waiting' },
  { name: 'Slot-seconds' },
  { name: 'Tokens' },
]

/** A caller with its calls, and with what it has used of its budgets. */
export class CallerRow {
  element = element('tr', { role: 'row' })
  #name = element('bdi')
  #share = new ShareBar()
  #running = element('span')
  #waiting = element('span')
  #slotSeconds = new Use(rate)
  #tokens = new Use(count)

  constructor() {
    const contents = [
      this.#name,
      this.#share.element,
      this.#running,
      this.#waiting,
      this.#slotSeconds.element,
      this.#tokens.element,
    ]
    this.element.append(...COLUMNS.map((column, index) => cellOf(column, contents[index])))
  }

  /** `figures`: an entry of `callers` in /queue/stats. */
  show({ caller, share, active, queued, parallel_limit, queue_limit, slot_seconds, tokens }) {
    setText(this.#name, caller)
    this.#share.show(share)
    setText(this.#running, ofLimit(active, parallel_limit))
    setText(this.#waiting, ofLimit(queued, queue_limit))
    this.#slotSeconds.show(slot_seconds)
    this.#tokens.show(tokens)
  }
}

/** A limit of null is no limit. */
function ofLimit(number, limit) {
  return limit === null ? count(number) : `${count(number)} of ${count(limit)}`
}

/** What a caller has used today, and this month if there is a budget for the month. */
class Use {
  element = element('div', { class: 'use' })
  #today
  #month

  constructor(write) {
    this.#today = new BudgetBar('today', write)
    this.#month = new BudgetBar('this month', write)
    this.element.append(this.#today.element, this.#month.element)
  }

  show({ today, month, day_budget, month_budget }) {
    this.#today.show(today, day_budget)
    this.#month.show(month, month_budget)
    this.#month.element.hidden = month_budget === null
  }
}

/** An amount as text; with a budget, the part of the budget as a bar, too. */
class BudgetBar {
  element
  #window
  #write
  #text = element('span')
  #part = element('span')
  #bar = element('span', { class: 'bar', 'aria-hidden': 'true' }, this.#part)

  /** `window`: of the budget, in words. `write` gives the text of an amount. */
  constructor(window, write) {
    this.#window = window
    this.#write = write
    this.element = element('p', {}, this.#text, this.#bar)
  }

  /** `budget`: null where there is none. */
  show(used, budget) {
    const isUsedUp = budget !== null && used >= budget
    const amount = budget === null ? this.#write(used) : `${this.#write(used)} of ${this.#write(budget)}`
    setText(this.#text, `${amount} ${this.#window}${isUsedUp ? ', used up' : ''}`)
    setAttribute(this.element, 'data-full', String(isUsedUp))
    this.#bar.hidden = budget === null
    const part = budget === null ? 0 : isUsedUp ? 1 : used / budget
    this.#part.style.width = `${Math.round(part * 1_000) / 10}%`
  }
}
