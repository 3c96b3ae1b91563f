import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../../src/clock.ts'
import type { Reply } from '../../../../src/upstream/asking.ts'

/** What an Ollama has in memory, as it answers /api/ps. */
export class Memory {
  names: readonly string[] = []
  /** No question gets an answer. */
  silent = false
  /** Clock milliseconds of each question. */
  readonly askedAt: number[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async ask(): Promise<Reply> {
    this.askedAt.push(this.#clock.now())
    await setImmediate()
    if (this.silent) throw new Error('no answer')
    const models = this.names.map((name) => ({ name: `${name}:latest`, model: `${name}:latest` }))
    return { status: 200, body: JSON.stringify({ models }), whole: true }
  }
}
