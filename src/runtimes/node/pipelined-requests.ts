import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A connection with this many waiting requests is not read further. Requests that Node has read already still come. */
const MOST_READ_AHEAD = 32

/** Requests that may wait on all connections together; each takes some 4 KB. One more closes its connection. */
const MOST_WAITING = 10_000

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** The requests of one connection that wait for the answer before them. */
class PipelinedLine {
  waiting = 0
  readonly #socket: Socket
  readonly #pause = (): void => void this.#socket.pause()
  #paused = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Stops or resumes reading from the connection. */
  setPaused(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    if (paused) {
      this.#socket.pause()
      // Node resumes the socket at the end of every answer.
      this.#socket.on('resume', this.#pause)
    } else {
      this.#socket.off('resume', this.#pause)
      this.#socket.resume()
    }
  }
}

/**
 * Holds a pipelined request back until the answer before it on its connection is over. Until then nothing else sees
 * the request: no call is admitted, no body collected, no page made. Between two requests of one connection the event
 * loop serves other connections.
 */
export class PipelinedRequests {
  readonly #answer: Answer
  readonly #lines = new Map<Socket, PipelinedLine>()
  #waiting = 0

  constructor(answer: Answer) {
    this.#answer = answer
  }

  /** Answers now or later. Node gives a response its socket when its turn comes: at once without pipelining. */
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
    if (line.waiting >= MOST_READ_AHEAD) line.setPaused(true)
    outgoing.once('socket', () => {
      setImmediate(() => {
        if (socket.destroyed) return
        line.waiting--
        this.#waiting--
        if (line.waiting < MOST_READ_AHEAD) line.setPaused(false)
        this.#answer(incoming, outgoing)
      })
    })
  }

  #lineOf(socket: Socket): PipelinedLine {
    const known = this.#lines.get(socket)
    if (known) return known
    const line = new PipelinedLine(socket)
    this.#lines.set(socket, line)
    socket.once('close', () => {
      this.#lines.delete(socket)
      this.#waiting -= line.waiting
      line.waiting = 0
    })
    return line
  }
}
