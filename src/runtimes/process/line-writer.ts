import { write } from 'node:fs'

/** Where lines are written to. */
export interface LineTarget {
  /** Writes some of the bytes from `from` on. Resolves with the number of bytes written. */
  write(bytes: Buffer, from: number): Promise<number>
  /** Whether the target may take later lines after this error. */
  recovers(error: unknown): boolean
}

/** Characters that may wait for the target. Further lines are dropped and counted. */
const MOST_WAITING = 8 * 2 ** 20
/** How long a shutdown waits for the target. */
const CLOSE_MS = 1_000
/** Pause before a full pipe is tried again. */
const RETRY_MS = 20

/**
 * Writes lines in order and never blocks the process. process.stdout blocks while a pipe is not read, and LogTape's
 * file sink writes and syncs while a call waits.
 */
export class LineWriter {
  readonly #target: LineTarget
  readonly #onDropped: (lines: number) => void
  readonly #onFailing: (error: unknown) => void
  #waiting = ''
  #dropped = 0
  /** The last write failed. */
  #failing = false
  #running: Promise<void> | undefined
  /** The target is gone for good. */
  #broken = false

  /** `onFailing`: called when writing begins to fail, and again only after a write has succeeded in between. */
  constructor(
    target: LineTarget,
    onDropped: (lines: number) => void,
    onFailing: (error: unknown) => void = () => {},
  ) {
    this.#target = target
    this.#onDropped = onDropped
    this.#onFailing = onFailing
  }

  /** `lines`: any number of whole lines. */
  add(lines: string): void {
    if (this.#broken) return
    if (this.#waiting.length + lines.length > MOST_WAITING) {
      this.#dropped += countOf(lines)
      return
    }
    this.#waiting += lines
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    this.#broken = true
  }

  async #run(): Promise<void> {
    while (this.#waiting !== '' && !this.#broken) {
      const lines = this.#waiting
      this.#waiting = ''
      if (!(await this.#writeAll(Buffer.from(lines)))) this.#dropped += countOf(lines)
      else if (this.#dropped > 0) this.#reportDropped()
    }
    this.#running = undefined
  }

  /** Called once lines pass again, because the report is a line itself. */
  #reportDropped(): void {
    const dropped = this.#dropped
    this.#dropped = 0
    this.#onDropped(dropped)
  }

  async #writeAll(batch: Buffer): Promise<boolean> {
    let written = 0
    while (written < batch.length && !this.#broken) {
      try {
        written += await this.#target.write(batch, written)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') await pause(RETRY_MS)
        else {
          this.#broken = !this.#target.recovers(error)
          if (!this.#failing) this.#onFailing(error)
          this.#failing = true
          return false
        }
      }
    }
    this.#failing = false
    return true
  }
}

/** An open file descriptor such as stdout's. After an error nothing reads from the other end any more. */
export function descriptor(fd: number): LineTarget {
  return { write: (bytes, from) => writeSome(fd, bytes, from), recovers: () => false }
}

export function writeSome(fd: number, bytes: Buffer, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

function countOf(lines: string): number {
  return lines.split('\n').length - 1
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
