import { element, setAttribute, setText } from './dom.js'
import { counted } from './figures.js'

let forms = 0

/** The form that changes the limits of one model, with the button that pauses the model. */
export class LimitsForm {
  element
  #model
  #actions
  #slots = new Limit('Slots', 1)
  #line = new Limit('Line', 0)
  #pause
  #applyButton
  #scope = element('p', { class: 'note', id: `limits-scope-${++forms}` })

  /** `isPaused` tells whether the model is paused now. */
  constructor(model, actions, isPaused) {
    this.#model = model
    this.#actions = actions
    const apply = element('button', { type: 'submit', 'aria-label': `Apply the limits of ${model}` }, 'Apply')
    this.#pause = element('button', { type: 'button' }, 'Pause')
    this.#pause.addEventListener('click', () => {
      const path = isPaused() ? 'admin/queue/resume' : 'admin/queue/pause'
      actions.run(this.#pause, path, { model }, ({ status }) => `${model} is ${status}.`)
    })
    const about = { 'aria-label': `Limits of ${model}`, 'aria-describedby': this.#scope.id }
    this.element = element('form', about)
    this.element.append(this.#scope, this.#slots.element, this.#line.element, apply, this.#pause)
    this.#applyButton = apply
    this.element.addEventListener('input', () => this.#highlightApply())
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#apply(apply)
    })
  }

  show({ parallel_limit, queue_limit, paused, runner, aliases }) {
    setText(this.#scope, scopeOf(runner, aliases))
    this.#scope.hidden = this.#scope.textContent === ''
    this.#slots.show(parallel_limit)
    this.#line.show(queue_limit)
    this.#highlightApply()
    setText(this.#pause, paused ? 'Resume' : 'Pause')
    setAttribute(this.#pause, 'aria-label', `${paused ? 'Resume' : 'Pause'} ${this.#model}`)
  }

  /** Highlights the button when a field differs from the limit in force. */
  #highlightApply() {
    this.#applyButton.classList.toggle('primary', this.#slots.edited || this.#line.edited)
  }

  async #apply(button) {
    const model = this.#model
    // Sends only edited limits: another operator may have changed the other limit meanwhile.
    const change = {
      model,
      ...(this.#slots.edited && { parallel_limit: this.#slots.value }),
      ...(this.#line.edited && { queue_limit: this.#line.value }),
    }
    if (!this.#slots.edited && !this.#line.edited) {
      this.#actions.say(`${model} has these limits already.`)
      return
    }
    const limits = await this.#actions.run(button, 'admin/queue/update', change, (now) => {
      const slots = now.parallel_limit === null ? 'no limit of slots' : counted(now.parallel_limit, 'slot')
      return `${model} has ${slots} and a line of ${now.queue_limit}.`
    })
    if (limits === undefined) return
    this.#slots.accept(limits.parallel_limit)
    this.#line.accept(limits.queue_limit)
    this.#highlightApply()
  }
}

/** Which names a change counts for. Empty where the model has its runner for itself. */
function scopeOf(runner, aliases) {
  if (runner === 'cloud') return 'Slots, line and pause count for all cloud models together.'
  return aliases.length === 0 ? '' : 'Slots, line and pause count for all names of the runner.'
}

/** The field of one limit. An empty field stands for no limit, which only the proxy can give. */
class Limit {
  element
  #input
  /** The field counts as edited when its text differs from this text. */
  #unedited = ''
  #inForce = 0

  constructor(name, min) {
    this.#input = element('input', { type: 'number', min: String(min), step: '1' })
    this.#input.inputMode = 'numeric'
    this.#input.addEventListener('blur', () => this.show(this.#inForce))
    this.element = element('label', {}, name, this.#input)
  }

  get edited() {
    return this.#input.value !== this.#unedited
  }

  get value() {
    return Number(this.#input.value)
  }

  /** Takes the limit in force. Does not change a field that is edited or has the focus. */
  show(value) {
    this.#take(value)
    if (this.edited) this.#unedited = textOf(value)
    else if (document.activeElement !== this.#input) this.accept(value)
  }

  /** Writes the limit in force into the field. */
  accept(value) {
    this.#take(value)
    this.#unedited = textOf(value)
    if (this.#input.value !== this.#unedited) this.#input.value = this.#unedited
  }
  #take(value) {
    this.#inForce = value
    this.#input.required = value !== null
    this.#input.placeholder = value === null ? 'no limit' : ''
  }
}

function textOf(limit) {
  return limit === null ? '' : String(limit)
}
