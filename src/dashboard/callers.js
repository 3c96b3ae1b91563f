import { CallerRow, COLUMNS } from './caller-row.js'
import { ClassTable } from './class-table.js'
import { arrange, byId, setAttribute, setText } from './dom.js'
import { count, counted } from './figures.js'
import { prepareTable } from './table.js'

/** Rows that show before "Show all" is pressed. */
const INITIAL_ROWS = 25
/** A call counts as so many slot-seconds in the order of the rows, because its own are known only at its end. */
const SECONDS_OF_A_CALL = 60

/** Why `auth: enforce` would refuse a request. */
const REASONS = {
  no_key: 'without a key',
  wrong_key: 'with a wrong key',
  wrong_user: 'with a wrong user',
  wrong_signature: 'with a wrong signature',
  signature_expired: 'with an expired signature',
  signature_replayed: 'with a signature that was used before',
  use_not_allowed: 'with a key that may not do this',
  model_not_allowed: 'for a model that the key does not allow',
  insufficient_quota: 'over the budget of the key',
}

/** The callers: their calls, and what they have used of their budgets. */
export class Callers {
  #rows = new Map()
  #classes = new ClassTable()
  #more = byId('callers-more')
  #showsAll = false
  #callers = []

  constructor() {
    prepareTable('callers', COLUMNS)
    this.#more.addEventListener('click', () => {
      this.#showsAll = !this.#showsAll
      this.#showRows()
    })
  }

  /** `page`: the answer of /queue/stats. Older proxies and Workers tell nothing of callers. */
  stats({ callers = [], auth = { mode: 'off', refused: {} }, ...fairness }) {
    const hasClasses = this.#classes.stats(fairness)
    this.#callers = toShow(callers, auth.mode)
    const observed = auth.mode === 'observe' ? observation(auth.refused) : ''
    const observedLine = byId('callers-observed')
    setText(observedLine, observed)
    observedLine.hidden = observed === ''
    const isHidden = this.#callers.length === 0 && observed === '' && !hasClasses
    byId('callers').hidden = isHidden
    byId('callers-link').hidden = isHidden
    this.#showRows()
  }

  #showRows() {
    const callers = this.#callers
    const shown = this.#showsAll ? callers : callers.slice(0, INITIAL_ROWS)
    this.#rows = new Map(
      shown.map((figures) => {
        // A key and an address are two callers, even if an operator gives a key the name of an address.
        const id = `${figures.key} ${figures.caller}`
        const row = this.#rows.get(id) ?? new CallerRow()
        row.show(figures)
        return [id, row]
      }),
    )
    arrange(
      byId('callers-rows'),
      Array.from(this.#rows.values(), (row) => row.element),
    )
    byId('callers-table').hidden = callers.length === 0
    setText(byId('callers-count'), callers.length === 0 ? '' : count(callers.length))
    this.#more.hidden = callers.length <= INITIAL_ROWS
    setText(this.#more, this.#showsAll ? `Show the first ${INITIAL_ROWS} only` : `Show all ${callers.length}`)
    setAttribute(this.#more, 'aria-expanded', String(this.#showsAll))
  }
}

/**
 * Callers with keys. Addresses only where nobody has to have a key: without keys where there are several to tell apart,
 * beside keys those that had slots.
 */
function toShow(callers, mode) {
  const addresses = callers.filter(({ key }) => !key)
  const showsAll = mode === 'off' && addresses.length > 1
  const shown = callers.filter(({ key, share = 0 }) => key || showsAll || (mode === 'observe' && share > 0))
  return [...shown].sort((a, b) => load(b) - load(a) || a.caller.localeCompare(b.caller))
}

/** How much a caller uses. The scale is coarse, so that callers seldom change their order. */
function load({ active, queued, slot_seconds, slot_seconds_5m = 0 }) {
  const used = slot_seconds.today ?? slot_seconds_5m
  return Math.ceil(Math.log2(1 + used + SECONDS_OF_A_CALL * (active + queued)))
}

/** What `auth: observe` has counted. Management is refused all the same, so it is not in the sentence. */
function observation({ route_not_allowed: _, ...refused }) {
  const reasons = Object.entries(refused).filter(([, number]) => number > 0)
  const total = reasons.reduce((sum, [, number]) => sum + number, 0)
  if (total === 0) return 'Keys are only observed. So far no request would have been refused.'
  const why = reasons
    .sort(([, a], [, b]) => b - a)
    .map(([code, number]) => `${count(number)} ${Object.hasOwn(REASONS, code) ? REASONS[code] : code}`)
  return `Keys are only observed. Since the start, ${counted(total, 'request')} would have been refused: ${why.join(', ')}.`
}
