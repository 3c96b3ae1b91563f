import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import type { Holder, Session } from './session.ts'

export interface LoaderParts {
  readonly clock: Clock
  readonly maxQueue: number
  readonly loadMs: number
  /** Gives the session to the runner of its model. False: the model is not in memory. */
  admit(session: Session): boolean
  /**
   * Is there room for the session's model? If not, a model is told to leave, and modelLeft() runs when it has left. The
   * model that leaves is the session's own when that model is loaded with other options.
   */
  makeRoom(session: Session): boolean
  /** The session's model is in memory now. */
  loaded(session: Session): void
}

/**
 * Ollama's scheduler: one line for the calls of all models that are not in memory, or are there with other options. The loader serves the line strictly
 * in order, with one load or eviction at a time. So a call waits for all calls ahead of it, whatever their models are.
 */
export class ModelLoader implements Holder {
  readonly #parts: LoaderParts
  readonly #pending = new Queue<Session>()
  #head: Session | undefined
  #load: Cancel | undefined

  constructor(parts: LoaderParts) {
    this.#parts = parts
  }

  /** False: the line is full. As in Ollama, a cancelled session counts until the line reaches it. */
  enqueue(session: Session): boolean {
    if (this.#head && this.#pending.size >= this.#parts.maxQueue) return false
    session.heldBy(this)
    this.#pending.enqueue(session)
    this.#advance()
    return true
  }

  /** A model has left memory, so there may be room for the model of the first session in line. */
  modelLeft(): void {
    if (!this.#head || this.#load) return
    this.#serveHead(this.#head)
    this.#advance()
  }

  /** Ends the load and the line, and all their sessions fail. */
  clear(): void {
    const sessions = [...this.#pending]
    if (this.#head) sessions.push(this.#head)
    this.#load?.()
    this.#load = undefined
    this.#head = undefined
    this.#pending.clear()
    for (const session of sessions) session.fail()
  }

  drop(session: Session): void {
    if (session !== this.#head || !this.#load) return
    // As in Ollama, a load ends when the call that started it ends. The next load starts from zero.
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
    } else if (this.#parts.makeRoom(session)) {
      this.#load = this.#parts.clock.after(this.#parts.loadMs, () => {
        this.#load = undefined
        this.#head = undefined
        this.#parts.loaded(session)
        this.#advance()
      })
    }
  }
}
