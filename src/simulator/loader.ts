import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import type { Holder, Session } from './session.ts'

export interface LoaderParts {
  readonly clock: Clock
  readonly maxQueue: number
  readonly loadMs: number
  /** Hands the session to its model when that is in memory; false when it is not. */
  admit(session: Session): boolean
  /** Is there room for one more model? When not, one is told to leave, and freed() is called once it has. */
  makeRoom(): boolean
  /** The session's model is in memory now. */
  loaded(session: Session): void
}

/**
 * Ollama's scheduler: one line for all models that are not in memory, served strictly in order, one load or eviction at
 * a time. Whoever is not at its head waits for all before it, whatever the model.
 */
export class Loader implements Holder {
  readonly #parts: LoaderParts
  readonly #pending = new Queue<Session>()
  #head: Session | undefined
  #load: Cancel | undefined

  constructor(parts: LoaderParts) {
    this.#parts = parts
  }

  /** False when the line is full. A cancelled session keeps its place until the line has moved past it, as in Ollama. */
  enqueue(session: Session): boolean {
    if (this.#head && this.#pending.size >= this.#parts.maxQueue) return false
    session.heldBy(this)
    this.#pending.enqueue(session)
    this.#advance()
    return true
  }

  /** A model has left memory: whoever waited for the room goes on. */
  freed(): void {
    if (!this.#head || this.#load) return
    this.#serveHead(this.#head)
    this.#advance()
  }

  drop(session: Session): void {
    if (session !== this.#head || !this.#load) return
    // The load dies with the call that drives it; the next one starts from zero.
    this.#load()
    this.#load = undefined
    this.#head = undefined
    this.#advance()
  }

  #advance(): void {
    while (!this.#head) {
      const next = this.#pending.dequeue()
      if (!next) return
      if (next.outcome) continue
      this.#head = next
      this.#serveHead(next)
    }
  }

  #serveHead(session: Session): void {
    if (session.outcome || this.#parts.admit(session)) {
      this.#head = undefined
    } else if (this.#parts.makeRoom()) {
      this.#load = this.#parts.clock.after(this.#parts.loadMs, () => {
        this.#load = undefined
        this.#head = undefined
        this.#parts.loaded(session)
        this.#advance()
      })
    }
  }
}
