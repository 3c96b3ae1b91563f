import type { Cancel, Clock } from '../clock.ts'
import type { Log } from '../telemetry/call-log.ts'

/** Refusals of one address within this time make one log line and a count. */
const WINDOW_MS = 60_000
/** So many addresses have log lines of their own in one window. All other addresses share one line. */
const MOST_NAMED = 20

/** Logs refused attempts of one kind: at most two lines in a window for each of a few addresses, however many attempts come. */
export class RefusalLines {
  readonly #clock: Clock
  readonly #what: string
  readonly #log: Pick<Log, 'warn'>
  /** The number of refusals after the first, by address. */
  readonly #again = new Map<string, number>()
  #others = 0
  #window: Cancel | undefined

  /** `what`: the first words of the log lines. */
  constructor(clock: Clock, log: Pick<Log, 'warn'>, what: string) {
    this.#what = what
    this.#clock = clock
    this.#log = log
  }

  /** `address`: an address, or a block of addresses that counts as one. */
  refused(address: string, fields: Readonly<Record<string, unknown>>): void {
    this.#window ??= this.#clock.after(WINDOW_MS, () => this.flush())
    const again = this.#again.get(address)
    if (again !== undefined) this.#again.set(address, again + 1)
    else if (this.#again.size >= MOST_NAMED) this.#others++
    else {
      this.#again.set(address, 0)
      this.#log.warn(`${this.#what} refused`, fields)
    }
  }

  /** Logs the counts and starts a new window. */
  flush(): void {
    this.#window?.()
    this.#window = undefined
    for (const [client, count] of this.#again)
      if (count > 0) this.#log.warn(`more ${this.#what}s refused`, { client, count })
    if (this.#others > 0)
      this.#log.warn(`more ${this.#what}s refused, from other addresses`, { count: this.#others })
    this.#again.clear()
    this.#others = 0
  }
}
