import { byId, element, setText } from './dom.js'
import { count, duration } from './figures.js'
import { ShareBar } from './share-bar.js'
import { cellOf, prepareTable } from './table.js'

const COLUMNS = [
  { name: 'Class' },
  { name: 'Share of 5 min' },
  { name: 'Weight' },
  { name: 'Running' },
  { name: 'Waiting' },
  { name: 'Wait, median' },
  { name: 'Wait, 95 %' },
]

/** The classes of calls, where calls of several classes come. */
export class ClassTable {
  #rows = new Map()

  constructor() {
    prepareTable('classes', COLUMNS)
  }

  /** `page`: the answer of /queue/stats. Older proxies tell nothing of classes. Returns whether there is anything to show. */
  stats({ classes = {}, fairness, reserve, jain }) {
    const entries = Object.entries(classes)
    const isShown = entries.filter(([, figures]) => isUsed(figures)).length > 1
    byId('classes-table').hidden = !isShown
    if (isShown) for (const [name, figures] of entries) this.#show(name, figures)
    const sentence = fairness === undefined ? '' : sharing(fairness, reserve, jain)
    setText(byId('callers-fairness'), sentence)
    byId('callers-fairness').hidden = sentence === ''
    return isShown
  }

  #show(name, figures) {
    if (!this.#rows.has(name)) {
      const row = new ClassRow(name)
      this.#rows.set(name, row)
      byId('classes-rows').append(row.element)
    }
    this.#rows.get(name).show(figures)
  }
}

class ClassRow {
  element = element('tr', { role: 'row' })
  #share = new ShareBar()
  #figures = COLUMNS.slice(2).map(() => element('span'))

  constructor(name) {
    const contents = [element('span', {}, name), this.#share.element, ...this.#figures]
    this.element.append(...COLUMNS.map((column, index) => cellOf(column, contents[index])))
  }

  show({ share, weight, active, queued, wait_time_ms }) {
    this.#share.show(share)
    const { p50, p95 } = wait_time_ms
    const texts = [count(weight), count(active), count(queued), duration(p50), duration(p95)]
    for (const [index, text] of texts.entries()) setText(this.#figures[index], text)
  }
}

function isUsed({ active, queued, share }) {
  return active + queued > 0 || share > 0
}

/** How the slots are shared, as a sentence. */
function sharing(fairness, reserve, jain) {
  if (fairness === 'off') return 'Fair shares are off: calls go in the order of their arrival.'
  const index = `Jain's index of the last five minutes: ${jain} (1: all had the same for their weight).`
  const last = reserve === 1 ? 'the last slot' : `the last ${count(reserve)} slots`
  const reserved = reserve > 0 ? ` Calls of the class batch never take ${last} of a model.` : ''
  return `Callers that wait share the slots by weight. ${index}${reserved}`
}
