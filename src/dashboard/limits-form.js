import { element, setAttribute, setText } from './dom.js'
import { counted } from './figures.js'

/** Limits of one model to be changed, and the button that pauses it. */
export class LimitsForm {
  element
  #model
  #actions
  #slots = new Limit('Slots', 1)
  #line = new Limit('Line', 0)
  #pause
  #applyButton

  /** `isPaused`: whether the model is, now. */
  constructor(model, actions, isPaused) {
    this.#model = model
    this.#actions = actions
    const apply = element('button', { type: 'submit', 'aria-label': `Apply the limits of ${model}` }, 'Apply')
    this.#pause = element('button', { type: 'button' }, 'Pause')
    this.#pause.addEventListener('click', () => {
      const path = isPaused() ? 'admin/queue/resume' : 'admin/queue/pause'
      actions.run(this.#pause, path, { model }, ({ status }) => `${model} is ${status}.`)
    })
    this.element = element('form', { 'aria-label': `Limits of ${model}` })
    this.element.append(this.#slots.element, this.#line.element, apply, this.#pause)
    this.#applyButton = apply
    this.element.addEventListener('input', () => this.#mark())
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#apply(apply)
    })
  }

  show({ parallel_limit, queue_limit, paused }) {
    this.#slots.show(parallel_limit)
    this.#line.show(queue_limit)
    this.#mark()
    setText(this.#pause, paused ? 'Resume' : 'Pause')
    setAttribute(this.#pause, 'aria-label', `${paused ? 'Resume' : 'Pause'} ${this.#model}`)
  }

  /** Shows that something is written that is not in force. */
  #mark() {
    this.#applyButton.classList.toggle('primary', this.#slots.edited || this.#line.edited)
  }

  async #apply(button) {
    const model = this.#model
    // Only what was edited: the other limit may have been changed by somebody else since.
    const change = {
      model,
      ...(this.#slots.edited && { parallel_limit: this.#slots.value }),
      ...(this.#line.edited && { queue_limit: this.#line.value }),
    }
    if (!this.#slots.edited && !this.#line.edited) {
      this.#actions.say(`${model} has these limits already.`)
      return
    }
    const done = await this.#actions.run(button, 'admin/queue/update', change, (now) => {
      return `${model} has ${counted(now.parallel_limit, 'slot')} and a line of ${now.queue_limit}.`
    })
    if (done === undefined) return
    this.#slots.accept(done.parallel_limit)
    this.#line.accept(done.queue_limit)
    this.#mark()
  }
}

/** A limit as it is, and as somebody is about to change it. */
class Limit {
  element
  #input
  /** What was in force when it was last in the field, as text. */
  #known = ''
  #inForce = 0

  constructor(name, least) {
    this.#input = element('input', { type: 'number', min: String(least), step: '1', required: '' })
    this.#input.inputMode = 'numeric'
    this.#input.addEventListener('blur', () => this.show(this.#inForce))
    this.element = element('label', {}, name, this.#input)
  }

  get edited() {
    return this.#input.value !== this.#known
  }

  get value() {
    return Number(this.#input.value)
  }

  /** What is in force. Does not touch what somebody has written or is about to write. */
  show(value) {
    this.#inForce = value
    if (this.edited) this.#known = String(value)
    else if (document.activeElement !== this.#input) this.accept(value)
  }

  accept(value) {
    this.#inForce = value
    this.#known = String(value)
    if (this.#input.value !== this.#known) this.#input.value = this.#known
  }
}
