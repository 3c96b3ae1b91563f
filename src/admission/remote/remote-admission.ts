import type { Cancel } from '../../clock.ts'
import type { Admission, Call, Permit, Ticket } from '../contract.ts'
import { Refusal } from '../refusal.ts'
import type { AdmissionStub } from './protocol.ts'
import {
  type ClaimedSlot,
  deliverRelease,
  pauseAfter,
  type RemoteParts,
  RemotePermit,
} from './remote-permit.ts'

/** What the gate's own refusal may take to arrive before we refuse ourselves. */
const GRACE_MS = 1_000
/** Failures one after the other, after which the gate counts as gone. */
const MOST_FAILURES = 5
/** A request that failed after longer than this was a wait that was cut off, no sign of a gate that is gone. */
const WAITED_MS = 5_000

/** Slots from a gate elsewhere, for one request: its timers and connections end with it. */
export class RemoteAdmission implements Admission {
  readonly #parts: RemoteParts

  constructor(parts: RemoteParts) {
    this.#parts = parts
  }

  acquire(call: Call): Ticket {
    return new RemoteTicket(this.#parts, call)
  }
}

/** One call at the gate, from its asking to the end of its slot. Never rejects: what fails becomes a Refusal. */
class RemoteTicket implements Ticket {
  readonly call: Call
  readonly #parts: RemoteParts
  readonly #id: string
  readonly #guard: Cancel
  #gate: AdmissionStub
  #result: Permit | Refusal | undefined
  #listener: ((result: Permit | Refusal) => void) | undefined
  #over: () => void = () => {}

  constructor(parts: RemoteParts, call: Call) {
    const { clock, connect, newId, keepAlive } = parts
    this.#parts = parts
    this.call = call
    this.#id = newId()
    this.#gate = connect()
    this.#guard = clock.after(call.deadline - clock.now() + GRACE_MS, () => this.#giveUp('timeout'))
    keepAlive(
      new Promise((resolve) => {
        this.#over = resolve
      }),
    )
    void this.#obtain()
  }

  onSettled(listener: (result: Permit | Refusal) => void): void {
    if (this.#result === undefined) this.#listener = listener
    else listener(this.#result)
  }

  cancel(): boolean {
    if (this.#result !== undefined) return false
    this.#giveUp('cancelled')
    return true
  }

  async #obtain(): Promise<void> {
    const { clock, connect } = this.#parts
    for (let failures = 0; this.#result === undefined; ) {
      const askedAt = clock.now()
      try {
        const answer = await this.#ask(askedAt)
        // The client may have left meanwhile, and what there was to give back was given back.
        if (this.#result !== undefined) return
        if (answer instanceof Refusal) this.#over()
        if (answer !== undefined) this.#settle(answer instanceof Refusal ? answer : this.#hold(answer))
      } catch {
        if (clock.now() - askedAt > WAITED_MS) failures = 0
        failures++
        if (failures === MOST_FAILURES) return this.#giveUp('shutting_down')
        await pauseAfter(clock, failures - 1)
        this.#gate = connect()
      }
    }
  }

  /** One request for the slot, and the word that it was heard of. Undefined: too late, it went back by then. */
  async #ask(now: number): Promise<ClaimedSlot | Refusal | undefined> {
    const { model, bytes, deadline } = this.call
    const result = await this.#gate.acquire(this.#id, { model, bytes, waitMs: deadline - now })
    if (!result.granted) return new Refusal(result.code, result.facts)
    const claimedAt = this.#parts.clock.now()
    if (this.#result !== undefined || !(await this.#gate.claim(this.#id))) return undefined
    return { waitMs: result.waitMs, claimedAt }
  }

  #hold(claimed: ClaimedSlot): Permit {
    return new RemotePermit(this.#parts, this.#gate, this.#id, this.call, claimed, this.#over)
  }

  #giveUp(code: 'timeout' | 'cancelled' | 'shutting_down'): void {
    if (this.#result !== undefined) return
    void deliverRelease(this.#parts, this.#gate, {
      id: this.#id,
      outcome: 'cancelled',
      loadMs: 0,
      served: false,
    }).then(() => this.#over())
    this.#settle(new Refusal(code, { model: this.call.model }))
  }

  #settle(result: Permit | Refusal): void {
    this.#result = result
    this.#guard()
    this.#listener?.(result)
    this.#listener = undefined
  }
}
