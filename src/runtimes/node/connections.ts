import { type Clock, Sweep } from '../../clock.ts'
import { OpenRequests } from '../process/open-requests.ts'

/** Time between two checks of all connections. Every limit is enforced at most this much late. */
const SWEEP_MS = 5_000

/** The body of a request for one of our own pages must be whole within 30 s, the time between two checks included. */
const PAGE_BODY_MS = 30_000 - SWEEP_MS

/** A new connection that sends no request for this long counts as half open. */
const FRESH_MS = 2_000

/** Without room, this part of the room is freed at once, so that not every new connection needs a search. */
const FREED_AT_ONCE = 1 / 16

/** A client's socket. */
export interface ClientSocket {
  destroy(): unknown
}

/** A request, as far as its connection has to know it. */
export interface Arriving {
  /** The whole body has come. */
  readonly complete: boolean
}

/** An answer, as far as its connection has to know it. */
export interface Answering {
  readonly headersSent: boolean
  /** The whole answer was written; the client may not have read it yet. */
  readonly writableEnded: boolean
}

/** One connection of a client. */
export class ClientConnection<S extends ClientSocket = ClientSocket> {
  readonly socket: S
  readonly openedAt: number
  /** The answer on its way. At most one, because pipelined requests are held back. */
  answering: Answering | undefined
  isCall = false
  /** At least one whole request head has come. */
  hadRequest = false
  /** Number in the order in which connections became idle. */
  idleOrder: number
  /** The request whose body may still be on the way. */
  arriving: Arriving | undefined
  /** Clock time by which the body of a request for one of our own pages must be whole. */
  bodyDueAt = 0
  /** The head of the next request took too long while an answer was on its way. */
  headLate = false
  /** `idleOrder` at the last check, and the clock time of the first check that found this number. */
  checkedOrder = -1
  idleSince = 0

  constructor(socket: S, now: number, idleOrder: number) {
    this.socket = socket
    this.openedAt = now
    this.idleOrder = idleOrder
  }
}

export interface ConnectionsParts<S extends ClientSocket> {
  readonly clock: Clock
  /** How many connections may be open now. */
  readonly room: () => number
  /** An idle connection is closed after this time, even if single bytes of a head keep coming. */
  readonly idleMs: number
  /** Tells the client that its head took too long, and closes the connection. */
  readonly refuse: (socket: S) => void
}

/**
 * All connections of clients, never more than there is room for. Idle connections are closed for new connections, the
 * oldest first. A connection with a call whose body is whole is never closed for another. A call costs a look-up and a
 * few assignments; everything that takes time happens in the periodic check.
 */
export class Connections<S extends ClientSocket> {
  readonly calls = new OpenRequests()
  readonly #parts: ConnectionsParts<S>
  readonly #open = new Map<S, ClientConnection<S>>()
  #room: number
  #order = 0
  #callsBegan = 0
  readonly #sweep: Sweep

  constructor(parts: ConnectionsParts<S>) {
    this.#parts = parts
    this.#room = parts.room()
    this.#sweep = new Sweep(parts.clock, SWEEP_MS, (now) => this.#checkAll(now))
  }

  get size(): number {
    return this.#open.size
  }

  /** Calls that began since the start. */
  get callsBegan(): number {
    return this.#callsBegan
  }

  /** Registers a new connection. Closes the connection and returns false when there is no room. */
  opened(socket: S): boolean {
    const connection = new ClientConnection(socket, this.#parts.clock.now(), this.#order++)
    if (!this.#hasRoom(connection.openedAt)) {
      socket.destroy()
      return false
    }
    this.#open.set(socket, connection)
    this.#sweep.plan()
    return true
  }

  closed(socket: S): void {
    this.#open.delete(socket)
  }

  /** A call is on the connection until `callEnded`. */
  callBegan(socket: S, request: Arriving, answering: Answering): ClientConnection<S> {
    this.#callsBegan++
    this.calls.enter()
    const connection = this.#begin(socket, request, answering)
    connection.isCall = true
    return connection
  }

  callEnded(connection: ClientConnection<S>): void {
    connection.isCall = false
    // What is still to come of the body is the call's to read (unread-body.ts).
    connection.arriving = undefined
    this.#end(connection)
    this.calls.leave()
  }

  /** A request for one of our own pages came on the connection. */
  pageBegan(socket: S, request: Arriving, answering: Answering): ClientConnection<S> {
    const connection = this.#begin(socket, request, answering)
    connection.bodyDueAt = this.#parts.clock.now() + PAGE_BODY_MS
    return connection
  }

  /** The page was answered. The body of its request may still be on the way. */
  pageEnded(connection: ClientConnection<S>): void {
    this.#end(connection)
  }

  /** A request head did not come in time. Returns false when an answer is on its way, which must go on. */
  headOverdue(socket: S): boolean {
    const connection = this.#open.get(socket)
    if (connection?.answering === undefined) return true
    connection.headLate = true
    return false
  }

  /** Whether an answer has begun on the connection, so that no other answer can be sent there. */
  isAnswering(socket: S): boolean {
    return this.#open.get(socket)?.answering?.headersSent === true
  }

  close(): void {
    this.#sweep.stop()
  }

  #begin(socket: S, request: Arriving, answering: Answering): ClientConnection<S> {
    // Node can still give us a request after its connection closed.
    const connection = this.#open.get(socket) ?? new ClientConnection(socket, 0, 0)
    connection.answering = answering
    connection.hadRequest = true
    connection.headLate = false
    connection.arriving = request
    return connection
  }

  #end(connection: ClientConnection<S>): void {
    connection.answering = undefined
    connection.idleOrder = this.#order++
  }

  #hasRoom(now: number): boolean {
    const size = this.#open.size + 1
    // Far from the limit the room need not be computed again.
    if (size * 2 <= this.#room) return true
    this.#room = this.#parts.room()
    if (size <= this.#room) return true
    const wanted = size - this.#room + Math.floor(this.#room * FREED_AT_ONCE)
    for (const connection of this.#closable(now).slice(0, wanted)) this.#drop(connection)
    return this.#open.size < this.#room
  }

  /** The connections that may be closed for a new connection, the first to close first. */
  #closable(now: number): ClientConnection<S>[] {
    const closable: { readonly connection: ClientConnection<S>; readonly rank: number }[] = []
    for (const connection of this.#open.values()) {
      const rank = rankOf(connection, now)
      if (rank !== undefined) closable.push({ connection, rank })
    }
    closable.sort((a, b) => a.rank - b.rank || a.connection.idleOrder - b.connection.idleOrder)
    return closable.map(({ connection }) => connection)
  }

  #drop(connection: ClientConnection<S>): void {
    this.#open.delete(connection.socket)
    connection.socket.destroy()
  }

  /** Returns when the next check is due at the latest: undefined without a connection. */
  #checkAll(now: number): number | undefined {
    this.#room = this.#parts.room()
    for (const connection of this.#open.values()) this.#check(connection, now)
    return this.#open.size > 0 ? Number.POSITIVE_INFINITY : undefined
  }

  #check(connection: ClientConnection<S>, now: number): void {
    if (connection.answering !== undefined) return
    if (connection.arriving?.complete) connection.arriving = undefined
    if (connection.checkedOrder !== connection.idleOrder) {
      connection.checkedOrder = connection.idleOrder
      connection.idleSince = now
    }
    if (connection.headLate) {
      this.#open.delete(connection.socket)
      this.#parts.refuse(connection.socket)
    } else if (connection.arriving !== undefined && now >= connection.bodyDueAt) this.#drop(connection)
    else if (connection.hadRequest && now - connection.idleSince >= this.#parts.idleMs) this.#drop(connection)
  }
}

/**
 * The lower the rank, the earlier a connection is closed for a new one; undefined: never. First connections whose head
 * or body does not come (0), then idle ones that had a request (1), then new ones (2), then clients that do not read
 * their page (3), then calls whose body is still on the way (4). Without the last rank, such calls could fill the room
 * and keep all other clients out.
 */
function rankOf(connection: ClientConnection, now: number): number | undefined {
  const { answering, arriving, hadRequest, isCall, openedAt } = connection
  const bodyComes = arriving !== undefined && !arriving.complete
  if (isCall) return bodyComes && answering?.headersSent !== true ? 4 : undefined
  if (bodyComes) return 0
  if (answering !== undefined) return answering.writableEnded ? 3 : undefined
  if (hadRequest) return 1
  return now - openedAt >= FRESH_MS ? 0 : 2
}
