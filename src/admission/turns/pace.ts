import type { LoadedWatch } from './contract.ts'

/** How often Ollama is asked what is loaded: while a runner comes or goes, and else while more than one is in play. */
export const PACE_MS = { changing: 250, steady: 2_000 } as const

/** Tells the watch how often to ask Ollama, and only where that has changed. */
export class Pace {
  readonly #watch: Pick<LoadedWatch, 'pace'>
  #everyMs: number | undefined

  constructor(watch: Pick<LoadedWatch, 'pace'>) {
    this.#watch = watch
  }

  /** Undefined: ask no more. */
  set(everyMs: number | undefined): void {
    if (everyMs === this.#everyMs) return
    this.#everyMs = everyMs
    this.#watch.pace(everyMs)
  }
}
