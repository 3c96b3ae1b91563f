import type { DiagLogger } from '@opentelemetry/api'
import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/call-log.ts'

const QUIET_MS = 60_000
/** Part of a message comes from the collector, and must not fill the disk. */
const LONGEST_MESSAGE = 300

/**
 * Writes the SDK's warnings and errors to the log, at most one line per minute: a collector that is down fails every
 * few seconds. The next line has the number of messages that were left out.
 */
export class ThrottledDiagLogger implements DiagLogger {
  readonly #clock: Clock
  readonly #log: Pick<Log, 'warn'>
  #quietUntil = Number.NEGATIVE_INFINITY
  #leftOut = 0

  constructor(clock: Clock, log: Pick<Log, 'warn'>) {
    this.#clock = clock
    this.#log = log
  }

  error(...parts: unknown[]): void {
    this.warn(...parts)
  }

  warn(...parts: unknown[]): void {
    const now = this.#clock.now()
    if (now < this.#quietUntil) {
      this.#leftOut++
      return
    }
    const problem = parts.map(textOf).join(' ').slice(0, LONGEST_MESSAGE)
    this.#log.warn('trouble with exporting traces', {
      problem,
      ...(this.#leftOut > 0 && { left_out: this.#leftOut }),
    })
    this.#quietUntil = now + QUIET_MS
    this.#leftOut = 0
  }

  info(): void {}
  debug(): void {}
  verbose(): void {}
}

function textOf(part: unknown): string {
  if (part instanceof Error) return part.message
  return typeof part === 'string' ? withoutStack(part) : String(part)
}

/** The SDK writes an error as JSON with its stack. The log gets only the message and the code. */
function withoutStack(text: string): string {
  if (!text.startsWith('{')) return text
  try {
    const { message, code }: { message?: unknown; code?: unknown } = JSON.parse(text)
    const said = [message, code].filter((part) => typeof part === 'string' && part !== '')
    return said.length > 0 ? said.join(' ') : text
  } catch {
    return text
  }
}
