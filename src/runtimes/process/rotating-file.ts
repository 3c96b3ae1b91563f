import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type LineTarget, writeSome } from './line-writer.ts'

/** Size of one file. The current file and four older files take at most 50 MiB. */
export const LOG_FILE_BYTES = 10 * 2 ** 20
const OLDER_FILES = 4

/** A log file of limited size. A full `x.log` becomes `x.log.1`, the old `x.log.1` becomes `x.log.2`, and so on. */
export class RotatingFile implements LineTarget {
  readonly #path: string
  #fd: number
  #size: number

  /** Makes the folder, too. @throws Error of the file system when the file cannot be written. */
  constructor(path: string) {
    makeFolder(dirname(resolve(path)))
    refuseUnreadPipe(path)
    this.#path = path
    this.#fd = openSync(path, 'a')
    this.#size = fstatSync(this.#fd).size
  }

  async write(bytes: Buffer, from: number): Promise<number> {
    // Only at the start of a batch, so that no line is split over two files.
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
        // The file does not exist yet, or another program locks it. The other files move all the same.
      }
    }
    const fd = openSync(this.#path, 'a')
    closeSync(this.#fd)
    this.#fd = fd
    this.#size = fstatSync(fd).size
  }
}

/**
 * Makes a folder and its parents. Node's own `recursive` starts again from the top whenever the system answers ENOENT.
 * Below /proc, where no folder can be made, Node never stops. `mode`: the rights of each folder that is made.
 * @throws Error of the file system.
 */
export function makeFolder(path: string, mode?: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  const parent = dirname(path)
  if (parent !== path) makeFolder(parent, mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Another process may have made the folder in the meantime.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/** Opening a named pipe blocks until another program reads from the pipe. @throws Error ENXIO if none does. */
function refuseUnreadPipe(path: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isFIFO()) return
  closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
}
