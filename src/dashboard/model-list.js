import { arrange, byId, setText, showTotal } from './dom.js'
import { counted } from './figures.js'
import { ModelCard } from './model-card.js'

/** All models, the busiest first. Models without calls in the last minutes are folded away. */
export class ModelList {
  #actions
  #samples
  #busy = byId('models-busy')
  #idle = byId('models-idle')
  #fold = byId('idle')
  #cards = new Map()
  #stats = {}

  constructor(actions, samples) {
    this.#actions = actions
    this.#samples = samples
    this.#fold.addEventListener('toggle', () => this.#arrangeCards())
  }

  stats({ models }) {
    this.#stats = models
    for (const model of this.#cards.keys()) if (!(model in models)) this.#cards.delete(model)
    for (const model of Object.keys(models)) if (!this.#cards.has(model)) this.#add(model)
    this.#arrangeCards()
    showTotal('models', this.#cards.size, 'No model was called yet.')
  }

  /** Draws the plots again, after new samples. */
  plot() {
    for (const card of this.#cards.values()) if (card.element.isConnected) card.plot(this.#samples)
    this.#arrangeCards()
  }

  #add(model) {
    const card = new ModelCard(model, this.#actions)
    card.plot(this.#samples)
    this.#cards.set(model, card)
  }

  #arrangeCards() {
    const groups = { busy: [], idle: [] }
    for (const [model, card] of this.#cards) {
      const group = this.#isIdle(model, card) ? groups.idle : groups.busy
      group.push(model)
    }
    groups.busy.sort((a, b) => this.#samples.load(b) - this.#samples.load(a) || a.localeCompare(b))
    groups.idle.sort((a, b) => a.localeCompare(b))
    this.#fold.hidden = groups.idle.length === 0
    setText(byId('idle-title'), counted(groups.idle.length, 'idle model'))
    this.#show(this.#busy, groups.busy)
    this.#show(this.#idle, this.#fold.open ? groups.idle : [])
  }

  #show(list, models) {
    arrange(
      list,
      models.map((model) => {
        const card = this.#cards.get(model)
        card.show(this.#stats[model], this.#stats)
        return card.element
      }),
    )
  }

  /** A card with the focus stays in its list, because moving the card would lose the focus. */
  #isIdle(model, { element }) {
    if (element.contains(document.activeElement)) return this.#idle.contains(element)
    const { active_requests, queued_requests, paused, stuck } = this.#stats[model]
    return active_requests + queued_requests === 0 && !paused && !stuck && this.#samples.load(model) === 0
  }
}
