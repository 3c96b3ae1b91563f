import { readdirSync } from 'node:fs'
import { clientRoom } from '../process/descriptors.ts'

/** Where a process sees its own descriptors: Linux and macOS. */
const FOLDERS = ['/proc/self/fd', '/dev/fd']

/** Under pressure the descriptors are counted again after this many answers. */
const LEAST_ANSWERS = 16

/**
 * Tells when so many connections are open that no more of them can be kept. `Bun.serve` shows its connections to
 * nobody and closes none on request, so the descriptors are counted instead, and an answer closes its own connection.
 */
export class Crowd {
  readonly #room: number
  readonly #count: () => number
  /** Answers until the next count: no more connections than this can have been added. */
  #answersLeft = 0
  #pressed = false

  /** `limit`: descriptors that this process may have; `count`: how many it has. */
  constructor(limit: number, count: () => number = countDescriptors) {
    this.#room = clientRoom(limit, 0)
    this.#count = count
  }

  /** Whether the answer that is about to be given has to be the last one on its connection. */
  get pressed(): boolean {
    if (this.#room === Number.POSITIVE_INFINITY) return false
    this.#answersLeft--
    if (this.#answersLeft < 0) {
      const free = this.#room - this.#count()
      this.#pressed = free <= 0
      this.#answersLeft = Math.max(LEAST_ANSWERS, Math.floor(free / 2))
    }
    return this.#pressed
  }
}

/** 0 where they cannot be counted. */
function countDescriptors(): number {
  for (const folder of FOLDERS) {
    try {
      return readdirSync(folder).length
    } catch {
      // Not there on this system.
    }
  }
  return 0
}
