import { write } from 'node:fs'

/** Of lines that nobody reads; beyond it they are dropped and counted. */
const MOST_WAITING = 8 * 2 ** 20
/** How long a shutdown waits for a reader. */
const LAST_WORDS_MS = 1_000
/** A pipe that is full is tried again after this. */
const BUSY_MS = 20

/**
 * Lines on their way to a file descriptor. process.stdout would do, but it blocks the whole process while a pipe
 * is not read, and LogTape's own buffered sink drops lines beyond two thousand a second.
 */
export class LineWriter {
  readonly #fd: number
  readonly #onDropped: (lines: number) => void
  #waiting = ''
  #dropped = 0
  #running: Promise<void> | undefined
  /** The reader is gone for good. */
  #broken = false

  constructor(fd: number, onDropped: (lines: number) => void) {
    this.#fd = fd
    this.#onDropped = onDropped
  }

  /** Whole lines, any number of them. */
  add(lines: string): void {
    if (this.#broken) return
    if (this.#waiting.length + lines.length > MOST_WAITING) {
      this.#dropped += lines.split('\n').length - 1
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
      const batch = Buffer.from(this.#waiting)
      this.#waiting = ''
      await this.#writeAll(batch)
    }
    this.#running = undefined
    const dropped = this.#dropped
    this.#dropped = 0
    if (dropped > 0) this.#onDropped(dropped)
  }

  async #writeAll(batch: Buffer): Promise<void> {
    let written = 0
    while (written < batch.length && !this.#broken) {
      try {
        written += await writeSome(this.#fd, batch, written)
      } catch (error) {
        const busy = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
        if (busy) await pause(BUSY_MS)
        else this.#broken = true
      }
    }
  }
}

function writeSome(fd: number, bytes: Buffer, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
