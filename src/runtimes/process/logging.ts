import { type LogRecord, reset } from '@logtape/logtape'
import type { Config } from '../../config/schema.ts'
import { createLog, formatJson, formatText, type Log } from '../../telemetry/call-log.ts'
import { descriptor, LineWriter } from './line-writer.ts'
import { RotatingFile } from './rotating-file.ts'

/** Records are gathered for this long, so that a busy proxy formats and writes hundreds of lines at once. */
const GATHER_MS = 20
/** Records that may be gathered. Further records are dropped and counted. */
const MOST_GATHERED = 100_000

export interface LogOutput {
  readonly log: Log
  /** The lowest level that is logged from now on. */
  setLevel(level: Config['log_level']): void
  /** Writes all lines that are still held. Nothing is logged afterwards. */
  close(): Promise<void>
}

/**
 * Logs to stdout and, with `log_file`, to a rotating file. Without `log_format`: text on a terminal, JSON elsewhere.
 * @throws Error that names the file when the file cannot be written.
 */
export async function openLog(
  { log_level, log_format, log_file }: Pick<Config, 'log_level' | 'log_format' | 'log_file'>,
  stdout: { readonly fd: number; readonly isTTY?: boolean } = process.stdout,
): Promise<LogOutput> {
  const formatFor = (terminal: boolean) =>
    (log_format ?? (terminal ? 'text' : 'json')) === 'text' ? formatText : formatJson
  const reportDropped = (dropped: number) => log.warn('log lines were dropped', { dropped })
  const file = log_file === undefined ? undefined : openFile(log_file)
  const screenLines = new LineWriter(descriptor(stdout.fd), reportDropped)
  // Meant for stdout: the file gets this line only if the file can be written again at once.
  const reportFailing = (error: unknown) =>
    log.warn('log_file cannot be written, lines are missing there', { log_file, why: messageOf(error) })
  const fileLines = file && new LineWriter(file, reportDropped, reportFailing)
  const gathered = new Gatherer(
    [
      { format: formatFor(stdout.isTTY === true), lines: screenLines },
      ...(fileLines ? [{ format: formatFor(false), lines: fileLines }] : []),
    ],
    reportDropped,
  )
  const log = createLog(log_level, (record) => gathered.add(record))
  return {
    log,
    setLevel: log.setLevel,
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

/** Gathers records and formats them later, so that no call waits for it. Outputs of the same format share the text. */
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
