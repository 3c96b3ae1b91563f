/**
 * What stands still of one runner. generation: the work loop is dead: no call of the runner moves any more, running or
 * new. load: a load of the runner never ends.
 */
export const HANGS = ['generation', 'load'] as const
export type Hang = (typeof HANGS)[number]

/** The runners that stand still while all else of Ollama answers, by the keys of the runners. */
export class Hangs {
  readonly #hangs = new Map<string, Hang>()
  /** Called after each change with the key of the runner. */
  readonly #changed: (key: string) => void

  constructor(changed: (key: string) => void) {
    this.#changed = changed
  }

  /** Undefined: the runner goes on. */
  set(key: string, hang: Hang | undefined): void {
    if (hang === undefined) this.#hangs.delete(key)
    else this.#hangs.set(key, hang)
    this.#changed(key)
  }

  has(key: string, hang: Hang): boolean {
    return this.#hangs.get(key) === hang
  }

  /** The process of a runner has ended, and its dead work loop with the process. */
  ended(key: string): void {
    if (this.has(key, 'generation')) this.#hangs.delete(key)
  }

  /** Ollama was restarted: nothing stands still. */
  clear(): void {
    this.#hangs.clear()
  }

  snapshot(): Record<string, Hang> {
    return Object.fromEntries(this.#hangs)
  }
}
