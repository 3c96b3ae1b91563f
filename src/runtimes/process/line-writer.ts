import { write } from 'node:fs'

/** Where lines end up. */
export interface LineTarget {
  /** Takes some of the bytes from `from` on and resolves with how many. */
  write(bytes: Buffer, from: number): Promise<number>
  /** Whether it may take later lines after it failed with this error. */
  recovers(error: unknown): boolean
}

/** Of lines that the target has not taken; beyond it they are dropped and counted. */
const MOST_WAITING = 8 * 2 ** 20
/** How long a shutdown waits for the target. */
const LAST_WORDS_MS = 1_000
/** A pipe that is full is tried again after this. */
const BUSY_MS = 20

/**
 * Lines on their way out, in order, without ever blocking the process: process.stdout does while a pipe is not read,
 * and LogTape's file sink writes and syncs on the way of the calls.
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

  /** `onFailing`: told when writing begins to fail, and not again before it has worked. */
  constructor(
    target: LineTarget,
    onDropped: (lines: number) => void,
    onFailing: (error: unknown) => void = () => {},
  ) {
    this.#target = target
    this.#onDropped = onDropped
    this.#onFailing = onFailing
  }

  /** Whole lines, any number of them. */
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
    await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref())])
    this.#broken = true
  }

  async #run(): Promise<void> {
    while (this.#waiting !== '' && !this.#broken) {
      const lines = this.#waiting
      this.#waiting = ''
      if (!(await this.#writeAll(Buffer.from(lines)))) this.#dropped += countOf(lines)
      else if (this.#dropped > 0) this.#tellDropped()
    }
    this.#running = undefined
  }

  /** Told once lines pass again, since the telling is a line itself. */
  #tellDropped(): void {
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
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') await pause(BUSY_MS)
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

/** An open file descriptor such as stdout's; once it fails nobody reads it any more. */
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
