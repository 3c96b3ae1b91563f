import { type Clock, Sweep } from '../clock.ts'
import type {
  ClientRequest,
  Ending,
  Forwarding,
  ForwardingObserver,
  PassThroughOptions,
  Requester,
  Withheld,
} from './contract.ts'
import { Failure, type FailureCode } from './failure.ts'
import { HOP_BY_HOP } from './headers.ts'

const NOTHING_ADDED: readonly string[] = []

/** Why Ollama gave no answer. Of requests that pass through, only an upload that stands still is aborted. */
const UNANSWERED: Readonly<Partial<Record<Ending, FailureCode>>> = {
  broken: 'upstream_error',
  aborted: 'body_stalled',
}

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Characters of a path in the log: the client chooses the path, and must not fill the log. */
const LONGEST_PATH = 256

/** Watches a request that is not gated: whether Ollama answers, and which origins Ollama allows. */
export class PassThrough implements ForwardingObserver {
  readonly dropped = HOP_BY_HOP
  readonly withheld: Withheld | undefined
  readonly #caller: string
  readonly #options: PassThroughOptions
  readonly #request: ClientRequest
  readonly #sentAt: number
  #status = 0

  constructor(options: PassThroughOptions, request: ClientRequest, { caller, withheld }: Requester) {
    this.withheld = withheld
    this.#caller = caller.id
    this.#options = options
    this.#request = request
    this.#sentAt = options.clock.now()
  }

  head(status: number, header: (name: string) => string | undefined): readonly string[] {
    this.#status = status
    this.#options.health.sawAnswer()
    this.#options.origins.learn(this.#request.header('origin'), header('access-control-allow-origin'))
    return NOTHING_ADDED
  }

  data(): void {}

  /** The format of the answer is not known. */
  errorTrailer(): undefined {}

  end(ending: Ending, cause?: unknown): void {
    const why = this.#status === 0 ? UNANSWERED[ending] : undefined
    if (why === 'upstream_error') this.#options.health.sawFailure(cause, this.#sentAt)
    const { method, target, clientAddress: client } = this.#request
    if (READING.has(method)) return
    const status = why === undefined ? this.#status : this.#options.statuses[why]
    const path = (target.split('?', 1)[0] ?? '').slice(0, LONGEST_PATH)
    this.#options.passed({ client, caller: this.#caller, method, path, status, ending })
  }
}

/** Milliseconds that an upload may stand still. */
const STALLED_MS = 30_000
/** The same during a shutdown, which must not wait for a client that sends nothing. */
const STALLED_AT_SHUTDOWN_MS = 2_000
/** How often the uploads are looked at, while there are any. */
const LOOK_EVERY_MS = 500

interface Progress {
  bytes: number
  /** Clock milliseconds. */
  movedAt: number
}

/** Ends uploads that pass through to Ollama and stand still. An upload that Ollama holds back does not stand still. */
export class Uploads {
  readonly #clock: Clock
  readonly #watched = new Map<Forwarding, Progress>()
  readonly #sweep: Sweep
  #stalledMs = STALLED_MS

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sweep = new Sweep(clock, LOOK_EVERY_MS, (now) => {
      for (const [forwarding, progress] of this.#watched) this.#look(forwarding, progress, now)
      return this.#watched.size > 0 ? Number.POSITIVE_INFINITY : undefined
    })
  }

  watch(forwarding: Forwarding): void {
    const { upload } = forwarding
    if (upload === undefined) return
    this.#watched.set(forwarding, { bytes: upload.bytes, movedAt: this.#clock.now() })
    this.#sweep.plan()
  }

  /** A shutdown has begun: from now on an upload may stand still for a moment only. */
  hurry(): void {
    this.#stalledMs = STALLED_AT_SHUTDOWN_MS
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
