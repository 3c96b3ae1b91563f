import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LocalPermit } from '../../../src/admission/local-permit.ts'
import { Random } from '../turns/support/random.ts'
import { type FairCall, FairWorld, type Wish } from './support/world.ts'

const LONGEST_MS = 6_000
const RATIO = 60

/** Whoever is charged for slots: `v` counts slot-milliseconds for each unit of weight. */
interface Charged {
  readonly v: number
  readonly weight: number
}

/** What one party should have been charged with so far, and what it was charged with. */
class Book {
  readonly #of: Charged
  #heldMs = 0
  /** Of the calls that run, what was charged at the grant. */
  #predictedMs = 0
  #fromMs = 0

  constructor(of: Charged) {
    this.#of = of
  }

  granted({ predicted }: LocalPermit): void {
    this.#predictedMs += predicted
  }

  released({ predicted, slots }: LocalPermit, heldMs: number): void {
    this.#predictedMs -= predicted
    this.#heldMs += slots * heldMs
  }

  /** Charges count from now. */
  open(): void {
    this.#heldMs = 0
    this.#fromMs = this.#charged - this.#predictedMs
  }

  check(): number {
    const [charged, due] = [this.#charged - this.#fromMs, this.#heldMs + this.#predictedMs]
    assert.ok(Math.abs(charged - due) < 1e-3, `S4: charged with ${charged} slot-milliseconds, not ${due}`)
    return this.#heldMs
  }

  get #charged(): number {
    return this.#of.v * this.#of.weight
  }
}

/** Five callers of which one has people behind its key, two classes and two models. All wait all the time. */
function crowd(random: Random) {
  const weights = { 'key team': 2, a: 1, b: 3, c: 5, d: 8 }
  const callers = Object.fromEntries(Object.entries(weights).map(([by, weight]) => [by, { weight }]))
  const world = new FairWorld({ parallel: 3, callers })
  const standing: Wish[] = []
  for (const by of Object.keys(weights))
    for (const user of by === 'key team' ? ['x', 'y', 'z'] : [undefined])
      for (const model of ['m', 'n'])
        for (const kind of ['normal', 'batch'] as const)
          standing.push({ by, user, model, class: kind, serviceMs: 0 })
  const again = (wish: Wish) => {
    const serviceMs = (LONGEST_MS / RATIO) * RATIO ** random.next()
    world.ask({ ...wish, serviceMs, slots: random.chance(0.1) ? 2 : 1 })
  }
  world.witnesses.push({
    granted: (call) => {
      if (!random.chance(0.3)) return
      const outcome = random.of('cancelled', 'failed', 'timed_out')
      const stayMs = random.chance(0.3) ? 0 : random.below(call.wish.serviceMs)
      world.clock.after(stayMs, () => world.leave(call, outcome))
    },
    over: ({ wish }) => again(wish),
  })
  for (const wish of standing) for (let i = 0; i < 4; i++) again(wish)
  return world
}

describe('each slot-second', () => {
  it('is charged once: to one class of its model, to one caller, and to one person behind a key', () => {
    const random = new Random(4)
    const world = crowd(random)
    const classes = new Map<object, Book>()
    const callers = new Map<object, Book>()
    const people = new Map<object, Book>()
    let heldMs = 0
    const books = ({ permit }: FairCall) =>
      [
        [classes, permit?.part],
        [callers, permit?.share],
        [people, permit?.person],
      ] as const
    const each = (call: FairCall, run: (book: Book, permit: LocalPermit) => void) => {
      for (const [shelf, charged] of books(call)) {
        if (charged === undefined || call.permit === undefined) continue
        const book = shelf.get(charged) ?? new Book(charged)
        shelf.set(charged, book)
        run(book, call.permit)
      }
    }
    world.witnesses.push({
      granted: (call) => each(call, (book, permit) => book.granted(permit)),
      over: (call, from) => {
        if (from !== 'running') return
        const ms = (call.endedAt ?? 0) - (call.grantedAt ?? 0)
        heldMs += call.slots * ms
        each(call, (book, permit) => book.released(permit, ms))
      },
    })
    // The calls that ran before the witness came are over by then.
    world.clock.advance(600_000)
    assert.deepEqual([classes.size, callers.size, people.size], [4, 10, 6])
    const all = [classes, callers, people].flatMap((shelf) => [...shelf.values()])
    for (const book of all) book.open()
    heldMs = 0
    for (let look = 0; look < 200; look++) {
      world.clock.advance(random.below(10_000))
      const leaver = random.from([...world.standing])
      if (leaver !== undefined) world.leave(leaver)
      for (const book of all) book.check()
    }
    assert.ok(heldMs > 3_000_000)
    for (const shelf of [classes, callers]) {
      let sumMs = 0
      for (const book of shelf.values()) sumMs += book.check()
      assert.ok(Math.abs(sumMs - heldMs) < 1e-3, `${sumMs} of ${heldMs} slot-milliseconds`)
    }
  })
})
