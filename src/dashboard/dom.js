import { count } from './figures.js'

const SVG = 'http://www.w3.org/2000/svg'

/** A new element; children that are strings become text, never markup. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children)
}

export function svgElement(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children)
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  node.append(...children)
  return node
}

/** The element of index.html with this id. Throws when there is none. */
export function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

/** Changes the page only if the text is new, so that selections and screen readers are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** Shows how many entries a section has. A section without entries shows `emptyText` instead. */
export function showTotal(section, total, emptyText) {
  setText(byId(`${section}-count`), total === 0 ? '' : count(total))
  const none = byId(`${section}-none`)
  none.hidden = total > 0
  setText(none, emptyText)
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

/**
 * Makes `wanted` the children of `parent`, in that order. A node loses the focus when it moves, so the node with the
 * focus stays and the others move around it.
 */
export function arrange(parent, wanted) {
  const keep = new Set(wanted)
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove()
  const focused = wanted.find((node) => node.parentNode === parent && node.contains(document.activeElement))
  let current = parent.firstElementChild
  for (const node of wanted) {
    if (node === focused) {
      while (current !== focused) {
        const next = current.nextElementSibling
        parent.append(current)
        current = next
      }
    }
    if (node === current) current = current.nextElementSibling
    else parent.insertBefore(node, current)
  }
}
