const SVG = 'http://www.w3.org/2000/svg'

/** A new element; children that are strings become text, never markup. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children)
}

export function drawing(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children)
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  node.append(...children)
  return node
}

/** The element of index.html with that id. */
export function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

/** Touches the page only when something changes: what is selected or read aloud stays. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

/**
 * Makes `wanted` the children of `parent`, in that order. A node that is moved loses the focus, so the one that
 * has it stays where it is and the others go around it.
 */
export function arrange(parent, wanted) {
  const keep = new Set(wanted)
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove()
  const focused = wanted.find((node) => node.parentNode === parent && node.contains(document.activeElement))
  let place = parent.firstElementChild
  for (const node of wanted) {
    if (node === focused) {
      while (place !== focused) {
        const next = place.nextElementSibling
        parent.append(place)
        place = next
      }
    }
    if (node === place) place = place.nextElementSibling
    else parent.insertBefore(node, place)
  }
}
