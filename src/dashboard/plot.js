import { element, setAttribute, setText, svgElement } from './dom.js'

/** Height of the SVG in its own units. Its width is the time that the plot spans, in seconds. */
const HEIGHT = 100
const STEPS = [1, 2, 5, 10]
/** Round durations from 1 s to a day, in seconds. */
const ROUND_SECONDS = [
  1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 18_000, 36_000, 86_400,
]

/** A small plot of two curves over the last minutes, the second one dashed. */
export class Plot {
  element
  #parts
  #svg
  #title = svgElement('title')
  #latest = []
  #paths = []
  #top = element('span', { class: 'top' })
  #from = element('span', { class: 'from' })
  #frame

  /**
   * @param parts `name` of the plot; `write` writes a value as text; `round` gives the end of the scale for the highest
   *   value; `curves`: names of the two curves; `empty`: text of a plot without values
   */
  constructor(parts) {
    this.#parts = parts
    const { name, curves, empty } = parts
    const keys = curves.map((curve, index) => {
      const latest = element('b')
      this.#latest.push(latest)
      this.#paths.push(svgElement('path', { class: `curve curve-${index}` }))
      return element('span', { class: 'key' }, element('i', { class: `curve-${index}` }), `${curve} `, latest)
    })
    this.#svg = svgElement('svg', { role: 'img', preserveAspectRatio: 'none' }, this.#title, ...this.#paths)
    const axes = element('span', { class: 'axes', 'aria-hidden': 'true' }, this.#top)
    axes.append(this.#from, element('span', { class: 'to' }, 'now'))
    this.#frame = element('div', { class: 'frame' }, this.#svg, axes)
    this.#frame.append(element('span', { class: 'empty' }, empty))
    const caption = element('figcaption', {}, element('span', { class: 'name' }, name), ...keys)
    this.element = element('figure', { class: 'plot' }, caption, this.#frame)
  }

  /** `model` is for screen readers. `curves`: the points of each curve, the oldest point first. */
  show(model, curves, spanSeconds) {
    const { name, write, round, curves: names } = this.#parts
    const values = curves.flat().flatMap(({ value }) => (value === null ? [] : [value]))
    const highest = Math.max(0, ...values)
    const top = round(highest)
    const isEmpty = values.length === 0
    const since = `${Math.round(spanSeconds / 60)} min`
    const latest = curves.map((points) => write(lastOf(points)))
    this.#frame.classList.toggle('is-empty', isEmpty)
    setText(this.#top, isEmpty ? '' : write(top))
    setText(this.#from, `${since} ago`)
    setAttribute(this.#svg, 'viewBox', `0 0 ${spanSeconds} ${HEIGHT}`)
    for (const [index, points] of curves.entries()) {
      setAttribute(this.#paths[index], 'd', pathOf(points, top, spanSeconds))
      setText(this.#latest[index], latest[index])
    }
    const last = names.map((curve, index) => `${curve} ${latest[index]}`).join(', ')
    const valuesText = isEmpty ? 'nothing to show' : `last ${last}; highest ${write(highest)}`
    setText(this.#title, `${name} of ${model} over the last ${since}: ${valuesText}`)
  }
}

function lastOf(points) {
  return points.findLast(({ value }) => value !== null)?.value
}

/** The next round duration from `ms` upwards. */
export function roundDuration(ms) {
  const seconds = ms <= 500 ? undefined : ROUND_SECONDS.find((time) => time * 1_000 >= ms)
  return seconds === undefined ? roundCount(ms) : seconds * 1_000
}

/** The next round number from `value` upwards. */
export function roundCount(value) {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * (STEPS.find((step) => step * power >= value) ?? 10)
}

/** The path of one curve. A null value interrupts the line. A point alone is a dot: the line has round ends. */
function pathOf(points, top, spanSeconds) {
  let path = ''
  let isDrawing = false
  for (const { ago, value } of points) {
    if (value !== null) {
      const x = Math.max(0, spanSeconds - ago).toFixed(1)
      const y = (HEIGHT - (value / top) * HEIGHT).toFixed(1)
      path += isDrawing ? `L${x} ${y}` : `M${x} ${y}h.01`
    }
    isDrawing = value !== null
  }
  return path
}
