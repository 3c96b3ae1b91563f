import { LOAD_MS, type Permit } from '../admission/contract.ts'
import type { Outcome } from '../admission/observer.ts'
import type { Cancel, Clock } from '../clock.ts'
import type { MachineCall, OllamaMachine } from './machine.ts'
import type { RecordedCall, RecordedEnd } from './recording.ts'

interface SlotWorld {
  readonly clock: Clock
  /** Undefined: the call asks this machine for no model. */
  readonly machine: OllamaMachine | undefined
}

interface SlotUse {
  readonly model: string
  readonly options: string
  readonly permit: Permit
  /** Tells how long the call computes, and how it ends. */
  readonly service: RecordedCall
  /** Clock milliseconds at which the first byte must be there. */
  readonly dueAt: number
  /** The slots are given back. `serviceMs`: the time in the slot without the load. */
  over(isCutOff: boolean, serviceMs: number): void
}

/** A call from its grant to the end of its answer, as relay/gated-call.ts does it. */
export class CallInSlot implements MachineCall {
  readonly #world: SlotWorld
  readonly #use: SlotUse
  #loadMs = 0
  #begunAt: number | undefined
  #cutOff: Cancel | undefined

  constructor(world: SlotWorld, use: SlotUse) {
    this.#world = world
    this.#use = use
  }

  get model(): string {
    return this.#use.model
  }

  get options(): string {
    return this.#use.options
  }

  send(): void {
    const { machine } = this.#world
    if (machine === undefined) this.begin(0)
    else machine.send(this)
    if (this.#begunAt === undefined) this.#cutOffWhenDue()
  }

  begin(loadMs: number): void {
    const { clock } = this.#world
    const { firstByteMs, heldMs, served } = this.#use.service
    const now = clock.now()
    this.#loadMs = loadMs
    this.#begunAt = now
    this.#cutOff?.()
    if (now + Math.min(firstByteMs, heldMs) > this.#use.dueAt) {
      this.#cutOffWhenDue()
      return
    }
    if (firstByteMs < heldMs && served) clock.after(firstByteMs, () => this.#use.permit.began?.(clock.now()))
    clock.after(heldMs, () => this.#end(this.#use.service.end, false))
  }

  #cutOffWhenDue(): void {
    const { clock } = this.#world
    const { dueAt } = this.#use
    if (Number.isFinite(dueAt))
      this.#cutOff = clock.after(dueAt - clock.now(), () => this.#end('timed_out', true))
  }

  #end(end: RecordedEnd, isCutOff: boolean): void {
    const { permit, service } = this.#use
    const now = this.#world.clock.now()
    const outcome: Outcome = end === 'failed' || end === 'cancelled' || end === 'timed_out' ? end : 'done'
    const served = outcome === 'done' && service.served
    this.#world.machine?.end(this)
    if (served) permit.began?.(now)
    // A call that waited for no load tells of a few milliseconds, as it did.
    const loadMs = this.#loadMs > 0 || service.loadMs >= LOAD_MS ? this.#loadMs : service.loadMs
    permit.release(outcome, now, { served, loadMs })
    this.#use.over(isCutOff || end === 'timed_out', this.#begunAt === undefined ? 0 : now - this.#begunAt)
  }
}
