import { readdirSync } from 'node:fs'
import { clientRoom } from '../process/descriptors.ts'

/** Folders in which a process sees its own descriptors, on Linux and macOS. */
const FOLDERS = ['/proc/self/fd', '/dev/fd']

/** Without room the descriptors are counted again after this many answers. */
const MIN_ANSWERS = 16

/**
 * Tells when so many connections are open that none can be kept for a next request. `Bun.serve` has no list of its
 * connections and closes none on request. So the descriptors are counted instead, and an answer closes its own
 * connection.
 */
export class ConnectionRoom {
  readonly #room: number
  readonly #count: () => number
  /** Answers until the next count. At most this many connections can be added in between. */
  #answersLeft = 0
  #full = false

  /** `limit`: descriptors that this process may have. `count`: returns how many it has. */
  constructor(limit: number, count: () => number = countDescriptors) {
    this.#room = clientRoom(limit, 0)
    this.#count = count
  }

  /** Whether the next answer has to be the last answer on its connection. Call this once for each answer. */
  get full(): boolean {
    if (this.#room === Number.POSITIVE_INFINITY) return false
    this.#answersLeft--
    if (this.#answersLeft < 0) {
      const free = this.#room - this.#count()
      this.#full = free <= 0
      this.#answersLeft = Math.max(MIN_ANSWERS, Math.floor(free / 2))
    }
    return this.#full
  }
}

/** Returns 0 where the descriptors cannot be counted. */
function countDescriptors(): number {
  for (const folder of FOLDERS) {
    try {
      return readdirSync(folder).length
    } catch {
      // This system has no such folder.
    }
  }
  return 0
}
