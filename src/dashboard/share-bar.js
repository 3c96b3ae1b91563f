import { element, setText } from './dom.js'
import { UNKNOWN } from './figures.js'

/** A part of all slot-time, as a figure and as a bar. */
export class ShareBar {
  #text = element('span')
  #part = element('span')
  #bar = element('span', { class: 'bar', 'aria-hidden': 'true' }, this.#part)
  element = element('div', { class: 'share' }, this.#text, this.#bar)

  /** `share`: 0 to 1. Older proxies do not tell it. */
  show(share) {
    setText(this.#text, share === undefined ? UNKNOWN : `${Math.round(100 * share)} %`)
    this.#bar.hidden = share === undefined
    this.#part.style.width = `${100 * (share ?? 0)}%`
  }
}
