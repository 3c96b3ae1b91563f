import { setImmediate } from 'node:timers/promises'
import type { LaneView, Limits } from '../../../../src/admission/contract.ts'
import { Refusal } from '../../../../src/admission/refusal.ts'
import { KeptBudgets, type KeyDay, type UseStore } from '../../../../src/admission/remote/kept-budgets.ts'
import type { Lease, LeaseStore } from '../../../../src/admission/remote/lease-store.ts'
import { Leases } from '../../../../src/admission/remote/leases.ts'
import type { LeasesParts } from '../../../../src/admission/remote/leases-parts.ts'
import type {
  AcquireRequest,
  AcquireResult,
  AdmissionStub,
} from '../../../../src/admission/remote/protocol.ts'
import type { RunnerLoad, TurnSettings } from '../../../../src/admission/turns/contract.ts'
import { Budgets } from '../../../../src/callers/budgets.ts'
import { EVERYBODY } from '../../../../src/callers/caller.ts'
import { placesIn } from '../../../../src/telemetry/places.ts'
import { Stats } from '../../../../src/telemetry/stats.ts'
import { Loaded } from '../../../../src/upstream/loaded.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { OLLAMA } from '../../support/builders.ts'
import { Memory } from './memory.ts'

/** As an isolate describes a call of nobody in particular. */
export const A_REQUEST: AcquireRequest = {
  model: 'llama2',
  caller: { id: EVERYBODY.id },
  waitMs: 60_000,
  bytes: 1,
  slots: 1,
}

const NO_ORDER: TurnSettings = { ordered: false, maxWaitMs: 120_000, maxSwitching: 0.15, together: [] }

/** An object's storage: outlives it. */
class Storage implements LeaseStore, UseStore {
  readonly rows = new Map<string, Lease>()
  readonly limitRows = new Map<string, Partial<Limits>>()
  readonly useRows = new Map<string, KeyDay>()
  alarmAt: number | undefined

  leases(): Iterable<Lease> {
    return [...this.rows.values()]
  }

  saveLease(row: Lease): void {
    this.rows.set(row.id, row)
  }

  dropLease(id: string): void {
    this.rows.delete(id)
  }

  limits(): Iterable<readonly [string, Partial<Limits>]> {
    return [...this.limitRows]
  }

  saveLimits(model: string, limits: Partial<Limits>): void {
    this.limitRows.set(model, limits)
  }

  uses(): Iterable<KeyDay> {
    return [...this.useRows.values()].sort((a, b) => (a.day < b.day ? -1 : 1))
  }

  addUse({ key, day, slotMs, tokens, at }: KeyDay): void {
    const { slotMs: heldMs = 0, tokens: had = 0 } = this.useRows.get(`${key} ${day}`) ?? {}
    this.useRows.set(`${key} ${day}`, { key, day, slotMs: heldMs + slotMs, tokens: had + tokens, at })
  }

  dropUses(before: number): void {
    for (const [id, { at }] of this.useRows) if (at < before) this.useRows.delete(id)
  }

  wakeAt(time: number): void {
    this.alarmAt = time
  }
}

/** A gate object on a standing clock, with the platform around it: alarms that go off and objects that restart. */
export class RemoteWorld {
  readonly clock = new ManualClock()
  readonly storage = new Storage()
  readonly memory = new Memory(this.clock)
  readonly loads: RunnerLoad[] = []
  readonly #turns: TurnSettings
  #loaded: Loaded | undefined
  readonly #parts: Pick<LeasesParts, 'defaults' | 'auto' | 'runners'>
  /** The limits in force when Ollama was seen to run another number of calls at once. */
  readonly measured: LaneView['effective'][] = []
  leases: Leases
  /** What the object has in memory of it. */
  budgets = new Budgets()

  constructor(
    defaults: Limits = { parallel: 1, queue: 10 },
    {
      turns,
      ...parts
    }: Partial<Pick<LeasesParts, 'auto' | 'runners'> & { turns: Partial<TurnSettings> }> = {},
  ) {
    this.#turns = { ...NO_ORDER, ...turns }
    this.#parts = { auto: false, ...parts, defaults }
    this.leases = this.#open()
  }

  #open(): Leases {
    const kept = new KeptBudgets(this.storage, this.clock.wallTime())
    this.budgets = kept.budgets
    const watch = new Loaded({
      clock: this.clock,
      ask: () => this.memory.ask(),
      read: (models, askedAt) => this.leases.admission.sawLoaded(models, askedAt),
      unknown: () => this.leases.admission.loadedUnknown(),
    })
    this.#loaded = watch
    return new Leases({
      clock: this.clock,
      observer: new Stats(this.clock),
      upstream: OLLAMA,
      ...this.#parts,
      turns: {
        settings: this.#turns,
        observer: { loaded: (load) => void this.loads.push(load), left() {} },
        watch,
      },
      maxWaitingBytes: 1e6,
      store: this.storage,
      budgets: {
        refuses: ({ key }, model) => {
          const spent = key && kept.budgets.spent(key, this.clock.wallTime())
          return spent && new Refusal('insufficient_quota', { model, window: spent.window })
        },
        ended: (end) => kept.charge(end),
      },
      random: () => 0,
      measured: ({ effective }) => this.measured.push(effective),
    })
  }

  /** What the object held in memory is lost. */
  restart(): void {
    this.#loaded?.stop()
    this.leases = this.#open()
  }

  /** As `pass`, in steps short enough for answers of Ollama. */
  async live(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.pass(Math.min(left, 50))
      for (let turn = 0; turn < 3; turn++) await setImmediate()
    }
  }

  /** Lets time pass, and the alarm go off when it is due. */
  pass(ms: number): void {
    const until = this.clock.wallTime() + ms
    for (;;) {
      const at = this.storage.alarmAt
      if (at === undefined || at > until) break
      this.storage.alarmAt = undefined
      this.clock.advance(Math.max(0, at - this.clock.wallTime()))
      this.leases.expire()
    }
    this.clock.advance(until - this.clock.wallTime())
  }

  /** Asks for a slot; the list gets the result once it is there. */
  ask(id: string, request: Partial<AcquireRequest> = {}): AcquireResult[] {
    const results: AcquireResult[] = []
    this.leases.acquire(id, { ...A_REQUEST, ...request }, (result) => results.push(result))
    return results
  }

  get lane(): { active: number; queued: number } {
    return this.laneOf('llama2')
  }

  laneOf(model: string): { active: number; queued: number } {
    const { active = 0, queued = 0 } = this.leases.admission.model(model)?.lane ?? {}
    return { active, queued }
  }
}

/** The way from a Worker to the object, which can be cut. A connection that has failed stays broken. */
export class Wire {
  readonly sent: string[] = []
  cut = false
  readonly #world: RemoteWorld
  #life = 0
  readonly #underWay = new Set<(error: Error) => void>()

  constructor(world: RemoteWorld) {
    this.#world = world
  }

  /** The object restarts: every request under way fails. */
  restart(): void {
    this.#life++
    this.#world.restart()
    for (const reject of this.#underWay) reject(new Error('object reset'))
    this.#underWay.clear()
  }

  connect(): AdmissionStub {
    const life = this.#life
    const send = <T>(what: string, answer: (leases: Leases) => T | Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        this.sent.push(what)
        if (this.cut || life !== this.#life) return reject(new Error('connection lost'))
        this.#underWay.add(reject)
        Promise.resolve(answer(this.#world.leases)).then(resolve, reject)
      })
    return {
      acquire: (id, request) =>
        send(
          'acquire',
          (leases) => new Promise<AcquireResult>((resolve) => leases.acquire(id, request, resolve)),
        ),
      began: (id) => send('began', (leases) => leases.began(id)),
      claim: (id) => send('claim', (leases) => leases.claim(id)),
      place: (id) =>
        send('place', (leases) => {
          const ticket = leases.ticket(id)
          return ticket && placesIn(leases.admission.lanes(), this.#world.clock.now()).get(ticket)
        }),
      renew: (id) => send('renew', (leases) => leases.renew(id)),
      release: (id, outcome, report) => send('release', (leases) => leases.release(id, outcome, report)),
      modelsChanged: () => Promise.reject(new Error('no models here')),
      fetch: () => Promise.reject(new Error('no pages here')),
    }
  }
}
