import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'

/**
 * Counts steps: the functions that are called and the branches that are taken, as V8 counts them for a coverage
 * report. The number is the same on every machine and under every load. A scan inside of a function of JavaScript's
 * own, as of `includes`, is one step; only the time shows such a scan.
 */
export class StepCounter {
  readonly #session: Session

  private constructor(session: Session) {
    this.#session = session
  }

  /** V8 counts in the code that is loaded after this. */
  static async start(): Promise<StepCounter> {
    // Optimized code does not count the functions that it has inlined.
    setFlagsFromString('--no-opt')
    const session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    return new StepCounter(session)
  }

  /** Steps of `work` in the code whose address matches. */
  async during(code: RegExp, work: () => void | Promise<void>): Promise<number> {
    await this.#session.post('Profiler.takePreciseCoverage')
    await work()
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    let steps = 0
    for (const { url, functions } of result) {
      if (!code.test(url)) continue
      for (const { ranges } of functions) for (const { count } of ranges) steps += count
    }
    return steps
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
    setFlagsFromString('--opt')
  }
}
