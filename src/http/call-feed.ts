import type { Cancel, Clock } from '../clock.ts'
import type { OwnCall } from '../pages/own-call.ts'
import type { FinishedCall, Requester } from '../relay/contract.ts'
import type { EndedCalls } from '../telemetry/ended-calls.ts'
import { endedOwnCall } from '../telemetry/own-call.ts'
import { EventListeners, type ListenerIdentity } from './event-listeners.ts'
import { bytesOf, event, KEEP_ALIVE_MS, RETRY, SIGN_OF_LIFE } from './event-stream.ts'

/** How soon the end of a call is sent. A proxy that stops ends its streams as soon: it waits a second for them. */
const TICK_MS = 500
/** The calls are looked at, and changes are sent, once a second. */
const TICKS_A_LOOK = 2
/** Bytes, about twenty events. A listener with as much unread gets no more until it has read. */
const MOST_UNREAD_BYTES = 16 * 1024
/** A listener that has read nothing of a full stream for this time gives its place up. */
const MOST_UNREAD_MS = 60_000
/** Many people may wait at once, and some of them behind one address. Who finds no room can ask for the page instead. */
const LIMITS = { all: 500, ofOneAddress: 16 }

/** Who follows a call. */
export interface FollowerIdentity extends Pick<ListenerIdentity, 'address'> {
  /** Whose calls the client may see. Undefined: everybody's. */
  readonly viewer: Requester | undefined
  /** The number of viewings when `viewer` was found. */
  readonly viewings: number
}

interface CallFeedParts {
  readonly clock: Clock
  /** A look at the calls that are not over. Returns how a client may see the one with an id; undefined: not at all. */
  readonly look: () => (id: string, viewer: Requester | undefined) => OwnCall | undefined
  readonly ended: Pick<EndedCalls, 'onEnd'>
  /** Called when a look throws, once until looking works again. */
  readonly failed: (error: unknown) => void
  /** True once all streams are to be closed. */
  readonly stopped: () => boolean
  /** A stream gets nothing more and is closed once this number is another one than that of its listener. */
  readonly viewings: () => number
}

interface Follower extends ListenerIdentity, FollowerIdentity {
  readonly id: string
  readonly stream: ReadableStreamDefaultController<Uint8Array>
  readonly stopWaiting: Cancel
  /** The call, once it is over. */
  end: FinishedCall | undefined
  /** What the last event said. */
  told: string
  /** Clock milliseconds of the last event or sign of life. */
  sentAt: number
}

/**
 * Sends how one call moves, as server-sent events, to each client that follows a call. Once a second, one look at the
 * calls serves all listeners; without listeners there is no look. The end of a call is never missed, however short the
 * proxy remembers it: the feed hears of it.
 */
export class CallFeed {
  readonly #parts: CallFeedParts
  readonly #followers = new EventListeners<Follower>(LIMITS)
  #nextTick: Cancel | undefined
  #ticks = 0
  #failing = false

  constructor(parts: CallFeedParts) {
    this.#parts = parts
  }

  get listeners(): number {
    return this.#followers.size
  }

  /** A stream about a call that is not over. `call`: as it is now. Throws `too_many_listeners`. */
  open(call: OwnCall, { address, viewer, viewings }: FollowerIdentity): ReadableStream<Uint8Array> {
    this.#followers.rejectIfFull({ address, operator: false })
    const { clock, ended } = this.#parts
    let follower: Follower | undefined
    return new ReadableStream<Uint8Array>(
      {
        start: (stream) => {
          stream.enqueue(bytesOf(RETRY))
          // A reload while the client was identified may have taken its right to see the call.
          if (viewings !== this.#parts.viewings()) return stream.close()
          const { id } = call
          const stopWaiting = ended.onEnd(id, (end) => {
            if (follower) follower.end = end
          })
          const identity = { address, operator: false, viewer, viewings }
          follower = { ...identity, id, stream, stopWaiting, end: undefined, told: '', sentAt: clock.now() }
          this.#followers.add(follower)
          this.#tell(follower, call)
          if (this.#nextTick) return
          this.#ticks = 0
          this.#nextTick = this.#schedule()
        },
        cancel: () => {
          if (follower) this.#forget(follower)
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MOST_UNREAD_BYTES }),
    )
  }

  #schedule(): Cancel {
    return this.#parts.clock.after(TICK_MS, () => this.#tick())
  }

  #tick(): void {
    this.#nextTick = undefined
    this.#ticks++
    const isStopped = this.#parts.stopped()
    const seen = isStopped || this.#ticks % TICKS_A_LOOK === 0 ? this.#look() : undefined
    const viewings = this.#parts.viewings()
    for (const follower of this.#followers) {
      const { end, id, viewer } = follower
      // The client connects again, and shows its key again.
      if (follower.viewings !== viewings) this.#close(follower)
      else if (end) this.#tell(follower, endedOwnCall(end))
      else if (seen) this.#tell(follower, seen(id, viewer))
    }
    if (isStopped) for (const follower of this.#followers) this.#close(follower)
    if (this.#followers.size > 0) this.#nextTick = this.#schedule()
  }

  #look(): ReturnType<CallFeedParts['look']> | undefined {
    try {
      const seen = this.#parts.look()
      this.#failing = false
      return seen
    } catch (error) {
      if (!this.#failing) this.#parts.failed(error)
      this.#failing = true
      return undefined
    }
  }

  /** `call`: undefined where the call is gone and nothing was heard of its end. The client asks again, and is told. */
  #tell(follower: Follower, call: OwnCall | undefined): void {
    const { stream, sentAt } = follower
    const now = this.#parts.clock.now()
    const hasRoom = (stream.desiredSize ?? 0) > 0
    const isLate = !hasRoom && now - sentAt >= MOST_UNREAD_MS
    if (call === undefined || isLate) {
      this.#close(follower)
      return
    }
    const isOver = call.state === 'done'
    if (!hasRoom && !isOver) return
    const told = toldBy(call)
    const isNews = told !== follower.told
    if (!isNews && now - sentAt < KEEP_ALIVE_MS) return
    follower.told = told
    follower.sentAt = now
    stream.enqueue(bytesOf(isNews ? callEvent(call) : SIGN_OF_LIFE))
    if (isOver) this.#close(follower)
  }

  #close(follower: Follower): void {
    this.#forget(follower)
    follower.stream.close()
  }

  #forget(follower: Follower): void {
    follower.stopWaiting()
    this.#followers.delete(follower)
    if (this.#followers.size > 0) return
    this.#nextTick?.()
    this.#nextTick = undefined
  }
}

/** The event that tells of a call. */
export function callEvent(call: OwnCall): string {
  return event('request', JSON.stringify(call))
}

/** What makes an event worth sending: all but the times that go on by themselves. */
function toldBy({ state, model, position, waiting_for, estimated_start_ms, tokens_out }: OwnCall): string {
  const seconds = estimated_start_ms === null ? '' : Math.round(estimated_start_ms / 1_000)
  return [state, model, position, waiting_for, seconds, tokens_out].join()
}
