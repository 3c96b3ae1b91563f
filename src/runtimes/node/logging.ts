import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { getRotatingFileSink } from '@logtape/file'
import { configure, getLogger, type LogRecord, reset } from '@logtape/logtape'
import type { Config } from '../../config/schema.ts'
import { createLog, formatJson, formatText, type Log } from '../../telemetry/call-log.ts'
import { LineWriter } from './line-writer.ts'

/** The file being written and four older ones: 50 MiB at most. */
export const LOG_FILE_BYTES = 10 * 2 ** 20
const OLDER_FILES = 4
/** The file is written when this much has come together, or a second has passed. */
const FILE_BATCHES = 64
const FILE_INTERVAL_MS = 1_000

/** Lines are gathered this long, so that a busy proxy formats and writes hundreds of them at once. */
const GATHER_MS = 20
/** Of records between two gatherings; beyond it they are dropped and counted. */
const MOST_GATHERED = 100_000

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
  const tellDropped = (dropped: number) => log.warn('log lines were dropped', { dropped })
  const file = log_file === undefined ? undefined : openFile(log_file)
  const lines = new LineWriter(stdout.fd, tellDropped)
  const gathered = new Gatherer(
    [
      { format: formatFor(stdout.isTTY === true), write: (text) => lines.add(text) },
      ...(file ? [{ format: formatFor(false), write: file.write }] : []),
    ],
    tellDropped,
  )
  const take = (record: LogRecord) => gathered.add(record)
  await configure({
    sinks: { gathered: take },
    loggers: [
      {
        category: 'proxy',
        lowestLevel: log_level === 'warn' ? 'warning' : log_level,
        sinks: ['gathered'],
      },
      { category: ['logtape', 'meta'], lowestLevel: 'warning', sinks: ['gathered'] },
    ],
    reset: true,
  })
  const log = createLog(getLogger('proxy'), take)
  return {
    log,
    async close() {
      await reset()
      gathered.close()
      await Promise.all([lines.close(), file?.close()])
    },
  }
}

interface Output {
  readonly format: (record: LogRecord) => string
  readonly write: (text: string) => void
}

/** Keeps records for a moment and formats them off the calls' way, each format once for all who want it. */
class Gatherer {
  readonly #outputs: readonly Output[]
  readonly #onDropped: (records: number) => void
  #records: LogRecord[] = []
  #dropped = 0
  #timer: NodeJS.Timeout | undefined

  constructor(outputs: readonly Output[], onDropped: (records: number) => void) {
    this.#outputs = outputs
    this.#onDropped = onDropped
  }

  add(record: LogRecord): void {
    if (this.#records.length >= MOST_GATHERED) this.#dropped++
    else this.#records.push(record)
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#flush()
  }

  #flush(): void {
    this.#timer = undefined
    const records = this.#records
    this.#records = []
    const texts = new Map<Output['format'], string>()
    for (const { format, write } of this.#outputs) {
      const text = texts.get(format) ?? records.map(format).join('')
      texts.set(format, text)
      if (text !== '') write(text)
    }
    const dropped = this.#dropped
    this.#dropped = 0
    if (dropped > 0) this.#onDropped(dropped)
  }
}

/** A rotating file that takes text. LogTape's sink takes records, so each text travels as one. */
function openFile(path: string): { write(text: string): void; close(): Promise<void> } {
  try {
    mkdirSync(dirname(path), { recursive: true })
    const sink = getRotatingFileSink(path, {
      formatter: (record) => String(record.rawMessage),
      nonBlocking: true,
      bufferSize: FILE_BATCHES,
      flushInterval: FILE_INTERVAL_MS,
      maxSize: LOG_FILE_BYTES,
      maxFiles: OLDER_FILES,
    })
    const record = { category: [], level: 'info', message: [], properties: {} } as const
    return {
      write: (text) => sink({ ...record, rawMessage: text, timestamp: Date.now() }),
      // The types tell of the blocking sink's dispose alone.
      close: async () => (sink as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.(),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`log_file ${path} cannot be written (${why}); change log_file (LOG_FILE)`, { cause })
  }
}
