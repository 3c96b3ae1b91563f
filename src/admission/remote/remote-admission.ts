import type { Cancel } from '../../clock.ts'
import type { Admission, Call, Permit, PlaceInLine, Ticket } from '../contract.ts'
import { Refusal } from '../refusal.ts'
import { factsOf } from './caller-facts.ts'
import type { AdmissionStub } from './protocol.ts'
import {
  type ClaimedSlot,
  deliverRelease,
  pauseAfter,
  type RemoteParts,
  RemotePermit,
} from './remote-permit.ts'

/** Milliseconds after the deadline in which the origin's own refusal may arrive. Then the call is refused here. */
const GRACE_MS = 1_000
/** Failures in a row after which the origin counts as gone. */
const MOST_FAILURES = 5
/** A request that fails after more milliseconds than this was a wait that was cut off: the origin is not gone. */
const WAITED_MS = 5_000

/** The slots of an admission elsewhere, the origin, for one request: timers and connections end with the request. */
export class RemoteAdmission implements Admission {
  readonly #parts: RemoteParts

  constructor(parts: RemoteParts) {
    this.#parts = parts
  }

  acquire(call: Call): Ticket {
    return new RemoteTicket(this.#parts, call)
  }
}

/** One call at the origin, from its request for a slot to the end of the slot. Never rejects: a failure becomes a Refusal. */
class RemoteTicket implements Ticket {
  readonly call: Call
  readonly #parts: RemoteParts
  readonly #id: string
  readonly #guard: Cancel
  #origin: AdmissionStub
  #result: Permit | Refusal | undefined
  #listener: ((result: Permit | Refusal) => void) | undefined
  #over: () => void = () => {}

  constructor(parts: RemoteParts, call: Call) {
    const { clock, connect, newId, keepAlive } = parts
    this.#parts = parts
    this.call = call
    this.#id = newId()
    this.#origin = connect()
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

  async place(): Promise<PlaceInLine | undefined> {
    try {
      return await this.#origin.place(this.#id)
    } catch {
      // The origin is out of reach for the moment. The question for the slot notices that by itself.
      return undefined
    }
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
        // The client left meanwhile. cancel() has reported the release already.
        if (this.#result !== undefined) return
        if (answer instanceof Refusal) this.#over()
        if (answer !== undefined) this.#settle(answer instanceof Refusal ? answer : this.#hold(answer))
      } catch {
        if (clock.now() - askedAt > WAITED_MS) failures = 0
        failures++
        if (failures === MOST_FAILURES) return this.#giveUp('shutting_down')
        await pauseAfter(clock, failures - 1)
        this.#origin = connect()
      }
    }
  }

  /** Asks for the slot and claims it. Undefined when the slot had gone back by the time of the claim. */
  async #ask(now: number): Promise<ClaimedSlot | Refusal | undefined> {
    const { caller, deadline, ...described } = this.call
    const request = { ...described, caller: factsOf(caller), waitMs: deadline - now }
    const result = await this.#origin.acquire(this.#id, request)
    if (!result.granted) return new Refusal(result.code, result.facts)
    const claimedAt = this.#parts.clock.now()
    if (this.#result !== undefined || !(await this.#origin.claim(this.#id))) return undefined
    return { waitMs: result.waitMs, slots: result.slots, loads: result.loads, claimedAt }
  }

  #hold(claimed: ClaimedSlot): Permit {
    return new RemotePermit(this.#parts, this.#origin, this.#id, this.call, claimed, this.#over)
  }

  #giveUp(code: 'timeout' | 'cancelled' | 'shutting_down'): void {
    if (this.#result !== undefined) return
    const release = { id: this.#id, outcome: 'cancelled' } as const
    void deliverRelease(this.#parts, this.#origin, release).then(() => this.#over())
    this.#settle(new Refusal(code, { model: this.call.model }))
  }

  #settle(result: Permit | Refusal): void {
    this.#result = result
    this.#guard()
    this.#listener?.(result)
    this.#listener = undefined
  }
}
