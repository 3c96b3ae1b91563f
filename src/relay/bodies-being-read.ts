import { Refusal } from '../admission/refusal.ts'
import type { Caller } from '../callers/caller.ts'

/**
 * Counts the calls of each caller whose bodies are being read. A caller that may have so many calls at once, running and in
 * line, may send no more bodies at once: bodies that do not end would otherwise take the memory of all.
 */
export class BodiesBeingRead {
  /** By Caller.id, of callers with limits alone. */
  readonly #calls = new Map<string, number>()

  /** `leave` must follow, except after an error. Throws a Refusal. */
  enter({ id, limits }: Caller): void {
    const most = limits.parallel + limits.queue
    if (most === Number.POSITIVE_INFINITY) return
    const calls = this.#calls.get(id) ?? 0
    if (calls >= most) throw new Refusal('queue_full', { scope: 'caller' })
    this.#calls.set(id, calls + 1)
  }

  leave({ id }: Caller): void {
    const calls = this.#calls.get(id)
    if (calls === undefined) return
    if (calls > 1) this.#calls.set(id, calls - 1)
    else this.#calls.delete(id)
  }
}
