import { configureSync, getLogger, type LogRecord, reset } from '@logtape/logtape'
import type { Config } from '../../config/schema.ts'
import { createLog, formatJson, formatText, type Log } from '../../telemetry/call-log.ts'
import { descriptor, LineWriter } from './line-writer.ts'
import { RotatingFile } from './rotating-file.ts'

/** Lines are gathered this long, so that a busy proxy formats and writes hundreds of them at once. */
const GATHER_MS = 20
/** Of records between two gatherings; beyond it they are dropped and counted. */
const MOST_GATHERED = 100_000

export interface LogOutput {
  readonly log: Log
  /** What is logged from now on. */
  setLevel(level: Config['log_level']): void
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
  const screenLines = new LineWriter(descriptor(stdout.fd), tellDropped)
  // Read on stdout: the file gets the line only if there is room again at once.
  const tellFailing = (error: unknown) =>
    log.warn('log_file cannot be written, lines are missing there', { log_file, why: messageOf(error) })
  const fileLines = file && new LineWriter(file, tellDropped, tellFailing)
  const gathered = new Gatherer(
    [
      { format: formatFor(stdout.isTTY === true), lines: screenLines },
      ...(fileLines ? [{ format: formatFor(false), lines: fileLines }] : []),
    ],
    tellDropped,
  )
  const take = (record: LogRecord) => gathered.add(record)
  // In one go, so that no line falls between the old level and the new one.
  const configureFor = (level: Config['log_level']) =>
    configureSync({
      sinks: { gathered: take },
      loggers: [
        {
          category: 'proxy',
          lowestLevel: level === 'warn' ? 'warning' : level,
          sinks: ['gathered'],
        },
        { category: ['logtape', 'meta'], lowestLevel: 'warning', sinks: ['gathered'] },
      ],
      reset: true,
    })
  configureFor(log_level)
  const log = createLog(getLogger('proxy'), take)
  return {
    log,
    setLevel(level) {
      configureFor(level)
      log.levelChanged()
    },
    async close() {
      await reset()
      gathered.close()
      await Promise.all([screenLines.close(), fileLines?.close()])
      file?.close()
    },
  }
}

interface Output {
  readonly format: (record: LogRecord) => string
  readonly lines: LineWriter
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
    for (const { format, lines } of this.#outputs) {
      const text = texts.get(format) ?? records.map(format).join('')
      texts.set(format, text)
      if (text !== '') lines.add(text)
    }
    const dropped = this.#dropped
    this.#dropped = 0
    if (dropped > 0) this.#onDropped(dropped)
  }
}

function openFile(path: string): RotatingFile {
  try {
    return new RotatingFile(path)
  } catch (cause) {
    const why = messageOf(cause)
    throw new Error(`log_file ${path} cannot be written (${why}); change log_file (LOG_FILE)`, { cause })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
