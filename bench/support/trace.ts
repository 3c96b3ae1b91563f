import { readFileSync } from 'node:fs'

/** One request of the trace. */
export interface Arrival {
  /** Milliseconds after the first one. */
  readonly atMs: number
  readonly promptTokens: number
  readonly outputTokens: number
}

/** The model server that all loads are measured against: slots, and tokens a second of each slot. */
export interface Server {
  readonly slots: number
  readonly promptRate: number
  readonly outputRate: number
}

const FILE = new URL('../traces/azure2023_conv.csv', import.meta.url)

/** The trace as recorded. Throws for a line that is not understood. */
export function readTrace(): Arrival[] {
  const [, ...lines] = readFileSync(FILE, 'utf8').split(/\r?\n/).filter(Boolean)
  let first: number | undefined
  return lines.map((line) => {
    const [stamp = '', prompt, output] = line.split(',')
    // Seven digits of a second are more than Date reads: milliseconds by it, the rest by hand.
    const at = Date.parse(`${stamp.slice(0, 23).replace(' ', 'T')}Z`) + Number(`0.${stamp.slice(23)}`)
    const call = { promptTokens: Number(prompt), outputTokens: Number(output) }
    if (!(at > 0 && call.promptTokens >= 0 && call.outputTokens >= 1))
      throw new Error(`not a request: ${line}`)
    first ??= at
    return { atMs: at - first, ...call }
  })
}

/** Milliseconds that a call holds a slot. */
export function serviceMs(call: Pick<Arrival, 'promptTokens' | 'outputTokens'>, server: Server): number {
  return (1_000 * call.promptTokens) / server.promptRate + (1_000 * call.outputTokens) / server.outputRate
}

/** The same arrivals closer together or further apart, so that they bring `load` times the work the server can do. */
export function atLoad(trace: readonly Arrival[], server: Server, load: number): Arrival[] {
  const work = trace.reduce((sum, call) => sum + serviceMs(call, server), 0)
  const scale = work / (server.slots * load) / (trace.at(-1)?.atMs ?? Number.NaN)
  return trace.map((call) => ({ ...call, atMs: call.atMs * scale }))
}

/** What came of a run. Shares are of all calls that arrived in the window. */
export interface Goodput {
  /** Slot time in the window that went to calls whose first byte came in time, over all slot time there was. */
  readonly goodput: number
  readonly calls: number
  readonly inTime: number
  readonly refused: number
  /** Gave up, in line or running, since no byte had come by their deadline. */
  readonly late: number
  /** Most calls at the simulator at once. */
  readonly peak: number
}

/** Adds up the slot time of good calls inside a window of milliseconds. */
export class GoodWork {
  readonly #server: Server
  readonly #from: number
  readonly #to: number
  #slotMs = 0

  constructor(server: Server, from: number, to: number) {
    this.#server = server
    this.#from = from
    this.#to = to
  }

  /** A call whose first token came at `firstMs`: it began a prompt and a token before, and runs to its end. */
  add(call: Arrival, firstMs: number): void {
    const began = firstMs - serviceMs({ ...call, outputTokens: 1 }, this.#server)
    const ends = began + serviceMs(call, this.#server)
    this.#slotMs += Math.max(0, Math.min(ends, this.#to) - Math.max(began, this.#from))
  }

  get ofCapacity(): number {
    return this.#slotMs / (this.#server.slots * (this.#to - this.#from))
  }
}
