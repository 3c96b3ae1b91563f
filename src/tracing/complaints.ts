import type { DiagLogger } from '@opentelemetry/api'
import type { Clock } from '../clock.ts'
import type { Log } from '../telemetry/call-log.ts'

const QUIET_MS = 60_000
/** A collector writes these texts in part, and they must not fill the disk. */
const LONGEST = 300

/**
 * What the SDK has to complain about, on its way to our log: at most one line a minute, since a collector that is
 * down fails every few seconds. The next line then tells how many were left out.
 */
export class Complaints implements DiagLogger {
  readonly #clock: Clock
  readonly #log: Pick<Log, 'warn'>
  #quietUntil = Number.NEGATIVE_INFINITY
  #leftOut = 0

  constructor(clock: Clock, log: Pick<Log, 'warn'>) {
    this.#clock = clock
    this.#log = log
  }

  error(message: string, ...more: unknown[]): void {
    this.#tell([message, ...more])
  }

  warn(message: string, ...more: unknown[]): void {
    this.#tell([message, ...more])
  }

  info(): void {}
  debug(): void {}
  verbose(): void {}

  #tell(parts: readonly unknown[]): void {
    const now = this.#clock.now()
    if (now < this.#quietUntil) {
      this.#leftOut++
      return
    }
    const problem = parts.map(plain).join(' ').slice(0, LONGEST)
    this.#log.warn('trouble with exporting traces', {
      problem,
      ...(this.#leftOut > 0 && { left_out: this.#leftOut }),
    })
    this.#quietUntil = now + QUIET_MS
    this.#leftOut = 0
  }
}

function plain(part: unknown): string {
  if (part instanceof Error) return part.message
  return typeof part === 'string' ? thrown(part) : String(part)
}

/** The SDK tells an error as JSON, its stack included: what it says and its code are enough. */
function thrown(text: string): string {
  if (!text.startsWith('{')) return text
  try {
    const { message, code }: { message?: unknown; code?: unknown } = JSON.parse(text)
    const said = [message, code].filter((part) => typeof part === 'string' && part !== '')
    return said.length > 0 ? said.join(' ') : text
  } catch {
    return text
  }
}
