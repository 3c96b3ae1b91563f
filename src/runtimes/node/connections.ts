import type { Cancel, Clock } from '../../clock.ts'
import { OpenRequests } from '../process/open-requests.ts'

/** How often the connections are looked at. Whatever has a limit is noticed this much late at most. */
const SWEEP_MS = 5_000

/** A request of one of our own pages has its whole body within 30 s, the sweep included. */
const PAGE_BODY_MS = 30_000 - SWEEP_MS

/** A new connection has this long to send something before it counts as half open. */
const FRESH_MS = 2_000

/** When there is no room, this part of it is made free at once, so that not every newcomer has to search. */
const FREED_AT_ONCE = 1 / 16

/** A client's socket. */
export interface ClientSocket {
  destroy(): unknown
}

/** A request, as far as its connection has to know it. */
export interface Arriving {
  /** Its body has come whole. */
  readonly complete: boolean
}

/** An answer, as far as its connection has to know it. */
export interface Answering {
  readonly headersSent: boolean
  /** All of it was handed over; the client may not have read it yet. */
  readonly writableEnded: boolean
}

/** One connection of a client. */
export class Connection<S extends ClientSocket = ClientSocket> {
  readonly socket: S
  readonly openedAt: number
  /** The answer that is on its way. There is one at most, because pipelined requests wait for their turn. */
  answering: Answering | undefined
  isCall = false
  /** At least one whole head has come. */
  served = false
  /** The later a connection became idle, the higher. */
  order: number
  /** The request whose body may still be on the way. */
  arriving: Arriving | undefined
  /** By when the body of a request for one of our own pages must be here. */
  bodyDueAt = 0
  /** The head behind the answer that was on its way took too long. */
  headLate = false
  /** `order` at the last sweep, and the time of the sweep that saw it first. */
  seen = -1
  seenAt = 0

  constructor(socket: S, now: number, order: number) {
    this.socket = socket
    this.openedAt = now
    this.order = order
  }
}

export interface ConnectionsParts<S extends ClientSocket> {
  readonly clock: Clock
  /** How many connections may be open now. */
  readonly room: () => number
  /** An idle connection is closed after this time, whatever drips in on it. */
  readonly idleMs: number
  /** Tells the client that its head took too long, and closes. */
  readonly refuse: (socket: S) => void
}

/**
 * All connections of clients. There are never more than there is room for: idle ones make way for new ones, the
 * oldest first, and one with a call on it never does once the call's body is here. A call pays a look-up and a few
 * assignments; everything that takes time happens in the sweep.
 */
export class Connections<S extends ClientSocket> {
  readonly calls = new OpenRequests()
  readonly #parts: ConnectionsParts<S>
  readonly #open = new Map<S, Connection<S>>()
  #room: number
  #order = 0
  #callsBegan = 0
  #sweep: Cancel | undefined

  constructor(parts: ConnectionsParts<S>) {
    this.#parts = parts
    this.#room = parts.room()
  }

  get size(): number {
    return this.#open.size
  }

  /** Counts the calls that ever began. */
  get callsBegan(): number {
    return this.#callsBegan
  }

  /** Takes a new connection in, or closes it when there is no room: then the answer is false. */
  opened(socket: S): boolean {
    const connection = new Connection(socket, this.#parts.clock.now(), this.#order++)
    if (!this.#hasRoom(connection.openedAt)) {
      socket.destroy()
      return false
    }
    this.#open.set(socket, connection)
    this.#sweep ??= this.#later()
    return true
  }

  closed(socket: S): void {
    this.#open.delete(socket)
  }

  /** A call is on the connection from here on, until `callEnded`. */
  callBegan(socket: S, request: Arriving, answering: Answering): Connection<S> {
    this.#callsBegan++
    this.calls.enter()
    const connection = this.#begin(socket, request, answering)
    connection.isCall = true
    return connection
  }

  callEnded(connection: Connection<S>): void {
    connection.isCall = false
    // The rest of a body that is still on the way is the business of the exchange.
    connection.arriving = undefined
    this.#end(connection)
    this.calls.leave()
  }

  /** A page of our own is asked for on the connection. */
  pageBegan(socket: S, request: Arriving, answering: Answering): Connection<S> {
    const connection = this.#begin(socket, request, answering)
    connection.bodyDueAt = this.#parts.clock.now() + PAGE_BODY_MS
    return connection
  }

  /** The page was answered. The body of its request may still be on the way. */
  pageEnded(connection: Connection<S>): void {
    this.#end(connection)
  }

  /** A head has not come whole in time. False when an answer is on its way before it, which is to go on. */
  headOverdue(socket: S): boolean {
    const connection = this.#open.get(socket)
    if (connection?.answering === undefined) return true
    connection.headLate = true
    return false
  }

  /** Whether something of an answer was sent already, so that nothing else can be said on the connection. */
  isAnswering(socket: S): boolean {
    return this.#open.get(socket)?.answering?.headersSent === true
  }

  close(): void {
    this.#sweep?.()
    this.#sweep = undefined
  }

  #begin(socket: S, request: Arriving, answering: Answering): Connection<S> {
    // A request can still be handed over after its connection closed.
    const connection = this.#open.get(socket) ?? new Connection(socket, 0, 0)
    connection.answering = answering
    connection.served = true
    connection.headLate = false
    connection.arriving = request
    return connection
  }

  #end(connection: Connection<S>): void {
    connection.answering = undefined
    connection.order = this.#order++
  }

  #hasRoom(now: number): boolean {
    const size = this.#open.size + 1
    // Far from the bound nobody has to be asked how much room there is.
    if (size * 2 <= this.#room) return true
    this.#room = this.#parts.room()
    if (size <= this.#room) return true
    const wanted = size - this.#room + Math.floor(this.#room * FREED_AT_ONCE)
    for (const connection of this.#idle(now).slice(0, wanted)) this.#drop(connection)
    return this.#open.size < this.#room
  }

  /** Who has to make way, in this order. */
  #idle(now: number): Connection<S>[] {
    const idle: { readonly connection: Connection<S>; readonly rank: number }[] = []
    for (const connection of this.#open.values()) {
      const rank = rankOf(connection, now)
      if (rank !== undefined) idle.push({ connection, rank })
    }
    idle.sort((a, b) => a.rank - b.rank || a.connection.order - b.connection.order)
    return idle.map(({ connection }) => connection)
  }

  #drop(connection: Connection<S>): void {
    this.#open.delete(connection.socket)
    connection.socket.destroy()
  }

  #later(): Cancel {
    return this.#parts.clock.after(SWEEP_MS, () => {
      const now = this.#parts.clock.now()
      this.#room = this.#parts.room()
      for (const connection of this.#open.values()) this.#look(connection, now)
      this.#sweep = this.#open.size > 0 ? this.#later() : undefined
    })
  }

  #look(connection: Connection<S>, now: number): void {
    if (connection.answering !== undefined) return
    if (connection.arriving?.complete) connection.arriving = undefined
    if (connection.seen !== connection.order) {
      connection.seen = connection.order
      connection.seenAt = now
    }
    if (connection.headLate) {
      this.#open.delete(connection.socket)
      this.#parts.refuse(connection.socket)
    } else if (connection.arriving !== undefined && now >= connection.bodyDueAt) this.#drop(connection)
    else if (connection.served && now - connection.seenAt >= this.#parts.idleMs) this.#drop(connection)
  }
}

/**
 * Who makes way first: heads and bodies that do not come, then connections that are kept alive, then new ones, then
 * clients that do not read their page, then calls and uploads whose body is still on the way, or as many of them as
 * there is room for would keep everybody else out. Undefined for who stays.
 */
function rankOf(connection: Connection, now: number): number | undefined {
  const { answering, arriving, isCall, openedAt, served } = connection
  const comes = arriving !== undefined && !arriving.complete
  if (isCall) return comes && answering?.headersSent !== true ? 4 : undefined
  if (comes) return 0
  if (answering !== undefined) return answering.writableEnded ? 3 : undefined
  if (served) return 1
  return now - openedAt >= FRESH_MS ? 0 : 2
}
