import { byId, element } from './dom.js'

/**
 * Prepares the table of a section: `columns` with `name`, and `number` where figures stand to the right. On a narrow
 * screen the rows are cards. Browsers then drop the roles of a table, unless the roles are explicit.
 */
export function prepareTable(section, columns) {
  const head = byId(`${section}-head`)
  byId(`${section}-table`).role = 'table'
  head.role = 'row'
  for (const group of [head.parentElement, byId(`${section}-rows`)]) group.role = 'rowgroup'
  for (const { name, number } of columns) {
    const attributes = { role: 'columnheader', scope: 'col', 'data-label': name, class: classOf(number) }
    head.append(element('th', attributes, name))
  }
}

/** A cell of a prepared table. */
export function cellOf({ name, number }, ...children) {
  return element('td', { role: 'cell', 'data-label': name, class: classOf(number) }, ...children)
}

function classOf(number) {
  return number ? 'number' : ''
}
