import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type LineTarget, writeSome } from './line-writer.ts'

/** The file being written and four older ones: 50 MiB at most. */
export const LOG_FILE_BYTES = 10 * 2 ** 20
const OLDER_FILES = 4

/** A log file that makes room for itself: `x.log` becomes `x.log.1`, that `x.log.2`, and the oldest goes. */
export class RotatingFile implements LineTarget {
  readonly #path: string
  #fd: number
  #size: number

  /** Makes the folder too. @throws Error of the file system when it cannot be written. */
  constructor(path: string) {
    makeFolder(dirname(resolve(path)))
    refuseLonelyPipe(path)
    this.#path = path
    this.#fd = openSync(path, 'a')
    this.#size = fstatSync(this.#fd).size
  }

  async write(bytes: Buffer, from: number): Promise<number> {
    // Only between batches, so that no line is torn.
    if (from === 0 && this.#size > 0 && this.#size + bytes.length > LOG_FILE_BYTES) this.#rotate()
    const written = await writeSome(this.#fd, bytes, from)
    this.#size += written
    return written
  }

  /** A full disk may have room again. */
  recovers(): boolean {
    return true
  }

  close(): void {
    closeSync(this.#fd)
  }

  #rotate(): void {
    for (let age = OLDER_FILES - 1; age >= 0; age--) {
      try {
        renameSync(age === 0 ? this.#path : `${this.#path}.${age}`, `${this.#path}.${age + 1}`)
      } catch {
        // There is no file of that age yet, or somebody holds it: the others move all the same.
      }
    }
    const fd = openSync(this.#path, 'a')
    closeSync(this.#fd)
    this.#fd = fd
    this.#size = fstatSync(fd).size
  }
}

/**
 * Makes a folder with those above it. Node's own `recursive` begins again at the top for as long as the system answers
 * ENOENT; below /proc, where nothing can be made, it does so for ever.
 * @throws Error of the file system.
 */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent)
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/** To open a named pipe that nobody reads takes until somebody does. @throws Error ENXIO for such a pipe. */
function refuseLonelyPipe(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isFIFO()) return
  closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
}
