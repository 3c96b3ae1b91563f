import { closeSync, fstatSync, mkdirSync, openSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
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
    mkdirSync(dirname(path), { recursive: true })
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
