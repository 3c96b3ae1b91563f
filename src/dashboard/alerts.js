import { arrange, byId, element, setAttribute, setText, showTotal } from './dom.js'
import { timeOfDay } from './figures.js'

const TITLE = document.title

/** The active alerts. Announces an alert that comes, goes or changes its level, but no change of a figure. */
export class Alerts {
  #list = byId('alerts-list')
  #rows = new Map()

  show({ alerts, window_seconds }) {
    const rows = alerts.map((alert) => this.#row(alert))
    const kept = new Set(alerts.map(({ id }) => id))
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue
      this.#rows.delete(id)
      announce(`Alert over: ${row.message.textContent}`)
    }
    const items = rows.map((row) => row.item)
    arrange(this.#list, items)
    showTotal('alerts', alerts.length, `No alerts in the last ${window_seconds} s.`)
    document.title = alerts.length === 0 ? TITLE : `(${alerts.length}) ${TITLE}`
  }

  #row({ id, level, message, action, since }) {
    const row = this.#rows.get(id) ?? newRow()
    this.#rows.set(id, row)
    if (row.item.dataset.level !== level) announce(`${level}: ${message}`)
    setAttribute(row.item, 'data-level', level)
    setText(row.level, level)
    setText(row.message, message)
    setText(row.since, `since ${timeOfDay(new Date(since))}`)
    setText(row.action, action)
    return row
  }
}

function newRow() {
  const level = element('span', { class: 'badge' })
  const message = element('strong')
  const since = element('span', { class: 'since' })
  const action = element('p', { class: 'action' })
  return {
    level,
    message,
    since,
    action,
    item: element('li', { class: 'alert' }, element('p', {}, level, ' ', message, ' ', since), action),
  }
}

/** Each text is an element of its own, so a screen reader reads several texts one after the other. */
function announce(text) {
  const alarm = byId('alarm')
  while (alarm.childElementCount > 4) alarm.firstElementChild.remove()
  alarm.append(element('span', {}, `${text} `))
}
