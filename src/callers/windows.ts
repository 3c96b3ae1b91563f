// Days and months as the clock on the wall has them. Date knows the zone of the process on every platform: TZ or the
// system's zone on Node and Bun, always UTC in workerd.

/** A stretch of time that a budget is for. */
export interface TimeWindow {
  /** `2026-11-28` or `2026-11`. */
  readonly id: string
  /** Milliseconds since 1970 at which the next window begins. */
  readonly endsAt: number
}

export type WindowKind = 'day' | 'month'

/** The local day of a moment: from midnight to midnight, so 23 or 25 hours where the clocks change. */
export function dayOf(at: number): TimeWindow {
  const date = new Date(at)
  return windowAt(at, dayId, new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1))
}

/** The local month of a moment: from the first to the first. */
export function monthOf(at: number): TimeWindow {
  const date = new Date(at)
  return windowAt(at, monthId, new Date(date.getFullYear(), date.getMonth() + 1))
}

/** Days and months of moments that mostly follow each other, so the last answers are kept. */
export class Calendar {
  readonly #day = new Latest(dayOf)
  readonly #month = new Latest(monthOf)

  at(kind: WindowKind, at: number): TimeWindow {
    return kind === 'day' ? this.#day.at(at) : this.#month.at(at)
  }
}

class Latest {
  readonly #find: (at: number) => TimeWindow
  #window: TimeWindow = { id: '', endsAt: Number.NEGATIVE_INFINITY }
  /** The kept window is known to hold from this moment to its end. */
  #from = Number.POSITIVE_INFINITY

  constructor(find: (at: number) => TimeWindow) {
    this.#find = find
  }

  at(at: number): TimeWindow {
    if (at >= this.#from && at < this.#window.endsAt) return this.#window
    this.#window = this.#find(at)
    this.#from = at
    return this.#window
  }
}

function dayId(at: number): string {
  return `${monthId(at)}-${twoDigits(new Date(at).getDate())}`
}

function monthId(at: number): string {
  const date = new Date(at)
  return `${String(date.getFullYear()).padStart(4, '0')}-${twoDigits(date.getMonth() + 1)}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

/** `next`: midnight of the next window as Date understands it. */
function windowAt(at: number, idOf: (at: number) => string, next: Date): TimeWindow {
  const id = idOf(at)
  const expected = next.getTime()
  const isBoundary = expected > at && idOf(expected) !== id && idOf(expected - 1) === id
  return { id, endsAt: isBoundary ? expected : changeAfter(at, expected, (moment) => idOf(moment) !== id) }
}

/** How far Date may be off about a midnight that does not exist or comes twice: zones have moved by a day at most. */
const MOST_OFF_MS = 25 * 3_600_000

/**
 * The moment at which the window changes, by halving. Needed where the clocks go back over midnight (America/St_Johns
 * until 2011: from 0:01 to 23:01 of the day before), so that a day has two ends.
 */
function changeAfter(at: number, expected: number, isOver: (at: number) => boolean): number {
  let within = at
  let over = Math.max(at, expected) + MOST_OFF_MS
  while (over - within > 1) {
    const middle = Math.floor((within + over) / 2)
    if (isOver(middle)) over = middle
    else within = middle
  }
  return over
}
