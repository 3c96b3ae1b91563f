import { drawing, element, setAttribute, setText } from './dom.js'

/** Height of the drawing in its own units; its width is the time it spans, in seconds. */
const HEIGHT = 100
const STEPS = [1, 2, 5, 10]
/** Above a second people count time in other steps: seconds here, up to a day. */
const LONG_TIMES = [
  1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 18_000, 36_000, 86_400,
]

/** A small plot of two curves over the last minutes, the second one dashed. */
export class Plot {
  element
  #name
  #write
  #round
  #curves
  #drawing
  #title = drawing('title')
  #latest = []
  #paths = []
  #top = element('span', { class: 'top' })
  #from = element('span', { class: 'from' })
  #frame

  /**
   * @param name what is drawn
   * @param write how a value is written
   * @param round the end of the scale for the highest value
   * @param curves names of the two
   * @param empty what is said when there is nothing to draw
   */
  constructor({ name, write, round, curves, empty }) {
    this.#name = name
    this.#write = write
    this.#round = round
    this.#curves = curves
    const keys = curves.map((curve, index) => {
      const latest = element('b')
      this.#latest.push(latest)
      this.#paths.push(drawing('path', { class: `curve curve-${index}` }))
      return element('span', { class: 'key' }, element('i', { class: `curve-${index}` }), `${curve} `, latest)
    })
    this.#drawing = drawing('svg', { role: 'img', preserveAspectRatio: 'none' }, this.#title, ...this.#paths)
    const axes = element('span', { class: 'axes', 'aria-hidden': 'true' }, this.#top)
    axes.append(this.#from, element('span', { class: 'to' }, 'now'))
    this.#frame = element('div', { class: 'frame' }, this.#drawing, axes)
    this.#frame.append(element('span', { class: 'empty' }, empty))
    const caption = element('figcaption', {}, element('span', { class: 'name' }, name), ...keys)
    this.element = element('figure', { class: 'plot' }, caption, this.#frame)
  }

  /** `curves`: the points of each, the oldest first. `of`: whose they are, for who cannot see them. */
  show(of, curves, spanSeconds) {
    const values = curves.flat().flatMap(({ value }) => (value === null ? [] : [value]))
    const highest = Math.max(0, ...values)
    const top = this.#round(highest)
    const isEmpty = values.length === 0
    const since = `${Math.round(spanSeconds / 60)} min`
    const latest = curves.map((points) => this.#write(lastOf(points)))
    this.#frame.classList.toggle('is-empty', isEmpty)
    setText(this.#top, isEmpty ? '' : this.#write(top))
    setText(this.#from, `${since} ago`)
    setAttribute(this.#drawing, 'viewBox', `0 0 ${spanSeconds} ${HEIGHT}`)
    for (const [index, points] of curves.entries()) {
      setAttribute(this.#paths[index], 'd', pathOf(points, top, spanSeconds))
      setText(this.#latest[index], latest[index])
    }
    const last = this.#curves.map((curve, index) => `${curve} ${latest[index]}`).join(', ')
    const told = isEmpty ? 'nothing to show' : `last ${last}; highest ${this.#write(highest)}`
    setText(this.#title, `${this.#name} of ${of} over the last ${since}: ${told}`)
  }
}

function lastOf(points) {
  return points.findLast(({ value }) => value !== null)?.value
}

/** A round duration that `ms` is not above. */
export function roundDuration(ms) {
  const seconds = ms <= 500 ? undefined : LONG_TIMES.find((time) => time * 1_000 >= ms)
  return seconds === undefined ? roundCount(ms) : seconds * 1_000
}

/** A round number that `value` is not above. */
export function roundCount(value) {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * (STEPS.find((step) => step * power >= value) ?? 10)
}

/** Where nothing is known the line breaks; a point that stands alone is a dot, by the round ends of the line. */
function pathOf(points, top, spanSeconds) {
  let path = ''
  let drawing = false
  for (const { ago, value } of points) {
    if (value !== null) {
      const x = Math.max(0, spanSeconds - ago).toFixed(1)
      const y = (HEIGHT - (value / top) * HEIGHT).toFixed(1)
      path += drawing ? `L${x} ${y}` : `M${x} ${y}h.01`
    }
    drawing = value !== null
  }
  return path
}
