import { mkdirSync, write } from 'node:fs'
import { dirname } from 'node:path'
import { getRotatingFileSink } from '@logtape/file'
import { configure, getLogger, reset, type Sink } from '@logtape/logtape'
import type { Config } from '../../config/schema.ts'
import { createLog, formatJson, formatText, type Log } from '../../telemetry/call-log.ts'

/** The file being written and four older ones: 50 MiB at most. */
export const LOG_FILE_BYTES = 10 * 2 ** 20
const OLDER_FILES = 4

/** Lines are gathered this long, so that a busy proxy makes one write of hundreds of them. */
const GATHER_MS = 20
/** Of lines that nobody reads from stdout; beyond it they are dropped and counted. */
const MOST_WAITING = 8 * 2 ** 20
/** How long a shutdown waits for a reader of stdout. */
const LAST_WORDS_MS = 1_000

export interface LogOutput {
  readonly log: Log
  /** Writes what is still held. Nothing is logged afterwards. */
  close(): Promise<void>
}

/**
 * Logs to stdout and, when one is set, to a rotating file. An unset format is text on a terminal, JSON elsewhere.
 * @throws Error that names the file when it cannot be written.
 */
export async function openLog(
  { log_level, log_format, log_file }: Pick<Config, 'log_level' | 'log_format' | 'log_file'>,
  stdout: { readonly fd: number; readonly isTTY?: boolean } = process.stdout,
): Promise<LogOutput> {
  const formatFor = (terminal: boolean) =>
    (log_format ?? (terminal ? 'text' : 'json')) === 'text' ? formatText : formatJson
  const lines = new Lines(stdout.fd, (dropped) =>
    log.warn('stdout was not read, log lines were dropped', { dropped }),
  )
  const format = formatFor(stdout.isTTY === true)
  const sinks: Record<string, Sink> = { stdout: (record) => lines.add(format(record)) }
  if (log_file !== undefined) sinks.file = openFile(log_file, formatFor(false))

  await configure({
    sinks,
    loggers: [
      {
        category: 'proxy',
        lowestLevel: log_level === 'warn' ? 'warning' : log_level,
        sinks: Object.keys(sinks),
      },
      // Where LogTape tells of a sink that fails, a full disk for one: not into that same file.
      { category: ['logtape', 'meta'], lowestLevel: 'warning', sinks: ['stdout'] },
    ],
    reset: true,
  })
  const log = createLog(getLogger('proxy'))
  return {
    log,
    async close() {
      await reset()
      await lines.close()
    },
  }
}

function openFile(path: string, formatter: typeof formatJson): Sink {
  try {
    mkdirSync(dirname(path), { recursive: true })
    const rotation = { maxSize: LOG_FILE_BYTES, maxFiles: OLDER_FILES }
    return getRotatingFileSink(path, { formatter, nonBlocking: true, flushInterval: 1_000, ...rotation })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`log_file ${path} cannot be written (${why}); change log_file (LOG_FILE)`, { cause })
  }
}

/**
 * Lines on their way to a file descriptor. process.stdout would do, but it blocks the whole process while a pipe
 * is not read, and LogTape's own buffered sink drops lines beyond two thousand a second.
 */
class Lines {
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

  add(line: string): void {
    if (this.#broken) return
    if (this.#waiting.length + line.length > MOST_WAITING) {
      this.#dropped++
      return
    }
    this.#waiting += line
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref())])
    this.#broken = true
  }

  async #run(): Promise<void> {
    await pause(GATHER_MS)
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
        if (busy) await pause(GATHER_MS)
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
