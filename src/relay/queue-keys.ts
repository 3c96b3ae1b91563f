import type { Caller } from '../callers/caller.ts'
import { Failure } from './failure.ts'

/** In these headers, by their lower-case names, a client gives its queue key, and asks that running calls end, too. */
export const QUEUE_KEY = 'x-queue-key'
export const QUEUE_KEY_RUNNING = 'x-queue-key-running'

/** Characters of a queue key: enough for the id of a document and of a place in it. */
const LONGEST_KEY = 200

/** A call, as far as its queue key is concerned. */
export interface KeyedCall {
  readonly record: {
    readonly request: { header(name: string): string | undefined }
    readonly requester: { readonly caller: Pick<Caller, 'id'>; readonly user: string | undefined }
    /** Ollama has the call. */
    readonly sent: boolean
  }
  cancel(code: 'superseded'): void
}

/** The place of a call among those with its queue key. */
export interface KeyPlace {
  /**
   * The call is about to ask for its slot: ends the older calls that Ollama does not have yet, and those that Ollama has,
   * where the call asks for that. What they held is free when this returns. Returns whether a call was ended.
   */
  endOlder(): boolean
  /** The call is over. */
  leave(): void
}

/** The live calls of one caller and user with one queue key. */
interface SameKey {
  readonly name: string
  /** In the order of their arrival: calls that were not at Ollama when a newer call last looked. */
  readonly arrived: Set<KeyedCall>
  /** Calls that were at Ollama then. All of them are older than that newer call. */
  readonly running: Set<KeyedCall>
}

/**
 * Lets a call take the place of older ones: where the older answer is of no more use once there is a newer question.
 * Knows the calls that have a queue key, from their arrival to their end, and nothing of all others.
 */
export class QueueKeys {
  readonly #groups = new Map<string, SameKey>()
  #closed = false

  /** Queue keys with live calls. */
  get size(): number {
    return this.#groups.size
  }

  /**
   * A call has arrived. Undefined for a call without a queue key. `leave` must follow when the call is over. Throws the
   * Failure invalid_request.
   */
  enter(call: KeyedCall): KeyPlace | undefined {
    const { request, requester } = call.record
    const key = request.header(QUEUE_KEY)
    if (!key) return undefined
    const endsRunning = request.header(QUEUE_KEY_RUNNING)?.toLowerCase() || undefined
    if (key.length > LONGEST_KEY || (endsRunning !== undefined && endsRunning !== 'cancel'))
      throw new Failure('invalid_request', { about: 'queue_key' })
    const group = this.#groupOf(JSON.stringify([requester.caller.id, requester.user ?? null, key]))
    group.arrived.add(call)
    return {
      endOlder: () => !this.#closed && endOlder(group, call, endsRunning !== undefined),
      leave: () => this.#leave(group, call),
    }
  }

  /** A shutdown has begun: a newer call would be refused, so no call ends an older one any more. */
  close(): void {
    this.#closed = true
  }

  #groupOf(name: string): SameKey {
    const known = this.#groups.get(name)
    if (known) return known
    const group: SameKey = { name, arrived: new Set(), running: new Set() }
    this.#groups.set(name, group)
    return group
  }

  #leave(group: SameKey, call: KeyedCall): void {
    group.arrived.delete(call)
    group.running.delete(call)
    const isEmpty = group.arrived.size + group.running.size === 0
    // A call that was ended leaves a moment later. Newer calls may be in another group of this name by then.
    if (isEmpty && this.#groups.get(group.name) === group) this.#groups.delete(group.name)
  }
}

/**
 * Looks at each call at most twice in its life: once when the call is ended or found at Ollama, and once when it is ended
 * there. So a chain of calls that end each other costs the same for each of them.
 */
function endOlder({ arrived, running }: SameKey, call: KeyedCall, endsRunning: boolean): boolean {
  let ended = false
  for (const older of arrived) {
    if (older === call) break
    arrived.delete(older)
    if (older.record.sent) running.add(older)
    else {
      older.cancel('superseded')
      ended = true
    }
  }
  if (!endsRunning) return ended
  for (const older of running) {
    running.delete(older)
    older.cancel('superseded')
    ended = true
  }
  return ended
}
