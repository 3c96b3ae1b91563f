import { byId, setAttribute, setText } from './dom.js'
import { duration } from './figures.js'
import { wordsOf } from './ticket-words.js'

/** Changes of the place alone are spoken at most this often. The end and each new step are spoken at once. */
const SPEAK_EVERY_MS = 15_000
/** Times go on between two events. */
const TICK_MS = 1_000

/** The steps of a call. A call whose body still comes has not reached the first one. */
const STEPS = ['waiting', 'running', 'done']

/** Shows one call: where it stands, what comes next, how it ended. */
export class TicketView {
  #id
  #section = byId('call')
  #connection = byId('connection')
  #headline = byId('headline')
  #detail = byId('detail')
  #advice = byId('advice')
  #again = byId('look-again')
  #facts = [...document.querySelectorAll('[data-fact]')]
  #steps = [...document.querySelectorAll('[data-step]')]
  #spoken = byId('spoken')
  #spokenAt = Number.NEGATIVE_INFINITY
  #call
  /** When the call came, as performance.now() tells time. */
  #cameAt = 0
  #ticking

  /** `id`: as it stands in the address. */
  constructor(id) {
    this.#id = id
    this.looking()
  }

  /** `call`: the answer of /queue/requests/{id}. */
  show(call) {
    const isNewStep = call.state !== this.#call?.state
    this.#call = call
    this.#cameAt = performance.now()
    const words = wordsOf(call)
    this.#write(words)
    setAttribute(this.#section, 'data-state', call.state)
    this.#showSteps(call, words.mood)
    this.#showFacts(call)
    const isOver = call.state === 'done'
    this.#connected(isOver ? 'over' : 'live', isOver ? '' : 'Live')
    this.#tick(!isOver)
    this.#speak(
      isOver ? [words.headline, words.detail, words.advice].join(' ').trim() : words.headline,
      isNewStep,
    )
  }

  /** There is no such call. `goesOn`: the page goes on looking. */
  missing(goesOn) {
    this.#call = undefined
    this.#tick(false)
    const detail =
      'It may not have arrived yet, may be over for more than ten minutes, or may be the call of somebody else.'
    this.#write({ headline: 'There is no such call.', detail, advice: '', title: 'No such call', mood: '' })
    setAttribute(this.#section, 'data-state', 'unknown')
    this.#showSteps({ state: 'unknown', running_ms: null }, '')
    this.#again.hidden = goesOn
    this.#connected('live', goesOn ? 'Looking again' : '')
    this.#writeFacts({ id: decoded(this.#id) })
    this.#speak('There is no such call.', false)
  }

  looking() {
    this.#again.hidden = true
    this.#connected('connecting', 'Connecting')
  }

  /** The connection is lost; what the page shows is old. `sentence`: the proxy's own, if there is one. */
  lost(sentence) {
    this.#tick(false)
    const text = `${sentence ?? 'No connection to the proxy.'} Trying again.`
    this.#connected('lost', text)
    this.#speak(text, true)
  }

  /** A key is needed, and nothing stays that was read with another one. */
  closed() {
    this.#call = undefined
    this.#tick(false)
    this.#writeFacts({})
    document.title = 'Your call'
    this.#connected('closed', 'This call is shown to those who sent it.')
  }

  #write({ headline, detail, advice, title, mood }) {
    setText(this.#headline, headline)
    setText(this.#detail, detail)
    setText(this.#advice, advice)
    setAttribute(this.#section, 'data-mood', mood)
    this.#again.hidden = true
    // A tab shows the beginning of its title, so the place comes first.
    if (document.title !== `${title} – your call`) document.title = `${title} – your call`
  }

  #showSteps({ state, running_ms }, mood) {
    const reached = STEPS.indexOf(state)
    for (const [index, step] of this.#steps.entries()) {
      const { step: name } = step.dataset
      // A refused call was never at work.
      step.toggleAttribute('data-past', index < reached && (name !== 'running' || running_ms !== null))
      if (index === reached) step.setAttribute('aria-current', 'step')
      else step.removeAttribute('aria-current')
      if (name === 'done') setText(step, mood === 'bad' ? 'Over' : 'Done')
    }
  }

  #showFacts({ state, id, model, running_ms, waited_ms }) {
    const since = performance.now() - this.#cameAt
    const waited = state === 'waiting' ? waited_ms + since : waited_ms
    const ran = state === 'running' ? running_ms + since : running_ms
    this.#writeFacts({
      model,
      waited: waited < 1_000 ? null : whole(waited),
      ran: ran === null ? null : whole(ran),
      id,
    })
  }

  /** What is not known is hidden. The texts stay where they are, so that they can be selected and copied. */
  #writeFacts(facts) {
    for (const row of this.#facts) {
      const value = facts[row.dataset.fact] ?? ''
      row.hidden = value === ''
      setText(row.querySelector('bdi'), value)
    }
  }

  #tick(isOn) {
    if (!isOn) {
      clearInterval(this.#ticking)
      this.#ticking = undefined
    } else
      this.#ticking ??= setInterval(() => {
        this.#showFacts(this.#call)
        this.#speak(this.#headline.textContent, false)
      }, TICK_MS)
  }

  #connected(state, text) {
    setAttribute(this.#connection, 'data-state', state)
    setText(this.#connection, text)
    this.#connection.hidden = text === ''
  }

  /** For screen readers. The visible text changes every second; nobody wants to hear that. */
  #speak(text, isUrgent) {
    const now = performance.now()
    if (!isUrgent && now - this.#spokenAt < SPEAK_EVERY_MS) return
    if (this.#spoken.textContent === text) return
    this.#spokenAt = now
    setText(this.#spoken, text)
  }
}

/** Tenths would jump. */
function whole(ms) {
  return ms < 1_000 ? duration(ms) : duration(Math.round(ms / 1_000) * 1_000).replace('.0 s', ' s')
}

/** An address can have any percent signs. */
function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
