import type { Socket } from 'node:net'
import { micros, PACE_MS, pacedLine } from './answers.ts'

interface Stream {
  readonly socket: Socket
  left: number
}

/** Writes a line to each of many sockets every PACE_MS, spread evenly over that time by a tick of a millisecond. */
export class Pacer {
  readonly #framed: (line: string) => string
  readonly #phases: Set<Stream>[] = Array.from({ length: PACE_MS }, () => new Set())
  #next = 0
  #added = 0
  #ticked = 0
  #ticking = false

  constructor(framed: (line: string) => string) {
    this.#framed = framed
  }

  add(socket: Socket, chunks: number): void {
    const stream = { socket, left: chunks }
    const phase = this.#phases[this.#added++ % PACE_MS]
    phase?.add(stream)
    socket.on('close', () => phase?.delete(stream))
    if (this.#ticking) return
    this.#ticking = true
    this.#ticked = performance.now()
    this.#wait()
  }

  #wait(): void {
    setTimeout(() => {
      // A timer that came late makes up for the phases it missed.
      while (this.#ticked + 1 <= performance.now()) {
        this.#ticked++
        this.#write(this.#phases[this.#next++ % PACE_MS] ?? new Set())
      }
      this.#ticking = this.#phases.some(({ size }) => size > 0)
      if (this.#ticking) this.#wait()
    }, 1)
  }

  #write(phase: Set<Stream>): void {
    for (const stream of phase) {
      stream.left--
      const chunk = this.#framed(pacedLine(micros()))
      if (stream.left > 0) stream.socket.write(chunk)
      else {
        phase.delete(stream)
        stream.socket.write(`${chunk}0\r\n\r\n`)
      }
    }
  }
}
