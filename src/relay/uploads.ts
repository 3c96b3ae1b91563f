import type { Cancel, Clock } from '../clock.ts'
import type { Forwarding } from './contract.ts'
import { Failure } from './failure.ts'

/** An upload may stand still for so long. */
const STALLED_MS = 30_000
/** The same during a shutdown, which must not wait for a client that sends nothing. */
const STALLED_AT_SHUTDOWN_MS = 2_000
/** How often the uploads are looked at, while there are any. */
const LOOK_EVERY_MS = 500

interface Progress {
  bytes: number
  /** Clock time. */
  movedAt: number
}

/** Ends uploads that pass through to Ollama and stand still. An upload that Ollama holds back does not stand still. */
export class Uploads {
  readonly #clock: Clock
  readonly #watched = new Map<Forwarding, Progress>()
  #stalledMs = STALLED_MS
  #next: Cancel | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  watch(forwarding: Forwarding): void {
    const { upload } = forwarding
    if (upload === undefined) return
    this.#watched.set(forwarding, { bytes: upload.bytes, movedAt: this.#clock.now() })
    this.#next ??= this.#later()
  }

  /** From now on an upload may stand still for a moment only. */
  hurry(): void {
    this.#stalledMs = STALLED_AT_SHUTDOWN_MS
  }

  #later(): Cancel {
    return this.#clock.after(LOOK_EVERY_MS, () => {
      const now = this.#clock.now()
      for (const [forwarding, progress] of this.#watched) this.#look(forwarding, progress, now)
      this.#next = this.#watched.size > 0 ? this.#later() : undefined
    })
  }

  #look(forwarding: Forwarding, progress: Progress, now: number): void {
    const { upload } = forwarding
    if (upload === undefined) this.#watched.delete(forwarding)
    else if (upload.heldBack || upload.bytes !== progress.bytes) {
      progress.bytes = upload.bytes
      progress.movedAt = now
    } else if (now - progress.movedAt >= this.#stalledMs) {
      this.#watched.delete(forwarding)
      forwarding.abort(new Failure('body_stalled'))
    }
  }
}
