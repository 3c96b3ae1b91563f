import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** With this many requests waiting on it, nothing more is read from a connection. What was read already still counts. */
const MOST_READ_AHEAD = 32

/** Requests that may wait on all connections together; each takes some 4 KB. Who goes over it loses the connection. */
const MOST_WAITING = 10_000

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** The requests of one connection that wait for the answer before them. */
class Line {
  waiting = 0
  readonly #socket: Socket
  readonly #stop = (): void => void this.#socket.pause()
  #held = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Stops reading from the connection, or goes on. */
  hold(held: boolean): void {
    if (this.#held === held) return
    this.#held = held
    if (held) {
      this.#socket.pause()
      // Node resumes the socket at the end of every answer.
      this.#socket.on('resume', this.#stop)
    } else {
      this.#socket.off('resume', this.#stop)
      this.#socket.resume()
    }
  }
}

/**
 * Lets pipelined requests wait until their turn on their connection comes. Before it, nothing is known of them: no
 * call is admitted, no body collected, no page made. Between two of them everybody else has a turn.
 */
export class PipelinedRequests {
  readonly #answer: Answer
  readonly #lines = new Map<Socket, Line>()
  #waiting = 0

  constructor(answer: Answer) {
    this.#answer = answer
  }

  /** A response has a socket as soon as its turn has come, which for an ordinary request is at once. */
  take(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (outgoing.socket !== null) this.#answer(incoming, outgoing)
    else this.#wait(incoming, outgoing)
  }

  #wait(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming
    if (socket.destroyed) return
    const line = this.#lineOf(socket)
    line.waiting++
    this.#waiting++
    if (this.#waiting > MOST_WAITING) {
      socket.destroy()
      return
    }
    if (line.waiting >= MOST_READ_AHEAD) line.hold(true)
    outgoing.once('socket', () => {
      setImmediate(() => {
        if (socket.destroyed) return
        line.waiting--
        this.#waiting--
        if (line.waiting < MOST_READ_AHEAD) line.hold(false)
        this.#answer(incoming, outgoing)
      })
    })
  }

  #lineOf(socket: Socket): Line {
    const known = this.#lines.get(socket)
    if (known) return known
    const line = new Line(socket)
    this.#lines.set(socket, line)
    socket.once('close', () => {
      this.#lines.delete(socket)
      this.#waiting -= line.waiting
      line.waiting = 0
    })
    return line
  }
}
