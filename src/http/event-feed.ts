import type { Cancel, Clock } from '../clock.ts'
import { EventListeners, type ListenerIdentity } from './event-listeners.ts'
import { bytesOf, event, KEEP_ALIVE_MS, RETRY, SIGN_OF_LIFE } from './event-stream.ts'
import type { JsonText } from './shared-pages.ts'

/** Changes are sent at most this often. */
const SEND_EVERY_MS = 500
const LIMITS = { all: 100, ofOneAddress: 8 }
/** A listener with this many unread bytes gets no more until it has read. */
const MOST_UNREAD_BYTES = 1024 * 1024
/**
 * Fields that change all the time. A page that differs in these alone is not sent again. Their values hold no comma and
 * no brace. Inside a text, the quotes of such a field would be escaped.
 */
const VOLATILE_FIELDS =
  /"(?:timestamp|uptime_seconds|checked_at|latency_ms|credit_ms|slot_seconds_5m)":[^,}]*/g

export interface EventFeedParts {
  readonly clock: Clock
  /** Sent once to each new listener, by name of the event. */
  readonly first: Readonly<Record<string, () => JsonText>>
  /** Sent to each new listener, and again after each change. */
  readonly pages: Readonly<Record<string, () => JsonText | Promise<JsonText>>>
  /** Called when a page throws, once until the page works again. */
  readonly failed: (error: unknown) => void
  /** True once all streams are to be closed. */
  readonly ended: () => boolean
  /** A stream gets nothing more and is closed once this number is another one than at the opening of the stream. */
  readonly viewings: () => number
}

interface PageEvent {
  /** The newest version. It may differ from `text` in volatile fields. */
  page: JsonText
  /** The event as it is sent. */
  readonly text: string
  /** The page without its volatile fields. */
  readonly comparable: string
}

interface Listener extends ListenerIdentity {
  readonly stream: ReadableStreamDefaultController<Uint8Array>
  /** The number of viewings when this listener was let in. */
  readonly viewings: number
  /** The last event that this listener got, by name. */
  readonly sent: Map<string, PageEvent>
  sentAt: number
}

/**
 * Sends changes of our pages as server-sent events. The feed makes the pages twice a second while there are listeners,
 * and never while there are none. A listener that reads slowly misses the versions in between; no version is stored for
 * a listener.
 */
export class EventFeed {
  readonly #parts: EventFeedParts
  readonly #listeners = new EventListeners<Listener>(LIMITS)
  readonly #latest = new Map<string, PageEvent>()
  readonly #failing = new Set<string>()
  #nextTick: Cancel | undefined

  constructor(parts: EventFeedParts) {
    this.#parts = parts
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** A stream for one more listener. Throws `too_many_listeners`, or the error of a page in `first`. */
  async open({ address, operator }: ListenerIdentity): Promise<ReadableStream<Uint8Array>> {
    this.#listeners.rejectIfFull({ address, operator })
    // A reload while the pages are made may take this listener's right to view.
    const viewings = this.#parts.viewings()
    await this.#updatePages()
    // Other listeners may have come while the pages were made.
    this.#listeners.rejectIfFull({ address, operator })
    const first = Object.entries(this.#parts.first).map(([name, page]) => event(name, page().text))
    let listener: Listener | undefined
    return new ReadableStream<Uint8Array>(
      {
        start: (stream) => {
          if (viewings !== this.#parts.viewings()) {
            stream.enqueue(bytesOf(RETRY))
            stream.close()
            return
          }
          listener = { address, operator, stream, viewings, sent: new Map(), sentAt: this.#parts.clock.now() }
          this.#listeners.add(listener)?.stream.close()
          stream.enqueue(bytesOf(`${RETRY}${first.join('')}`))
          this.#sendNews(listener)
          this.#nextTick ??= this.#schedule()
        },
        cancel: () => {
          if (listener) this.#listeners.delete(listener)
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MOST_UNREAD_BYTES }),
    )
  }

  #schedule(): Cancel {
    return this.#parts.clock.after(SEND_EVERY_MS, () => void this.#tick())
  }

  async #tick(): Promise<void> {
    const ended = this.#parts.ended()
    if (this.#listeners.size > 0) {
      await this.#updatePages()
      this.#closeOutdated()
      for (const listener of this.#listeners) this.#sendNews(listener)
    }
    if (ended) {
      for (const { stream } of this.#listeners) stream.close()
      this.#listeners.clear()
    }
    this.#nextTick = this.#listeners.size > 0 ? this.#schedule() : undefined
  }

  /** Closes the streams from before a change of who may view. The clients connect again, and are asked for a key. */
  #closeOutdated(): void {
    const viewings = this.#parts.viewings()
    for (const listener of this.#listeners) {
      if (listener.viewings === viewings) continue
      this.#listeners.delete(listener)
      listener.stream.close()
    }
  }

  /** Never rejects, so that a page that throws does not stop the others. */
  async #updatePages(): Promise<void> {
    for (const [name, page] of Object.entries(this.#parts.pages)) {
      try {
        const known = this.#latest.get(name)
        const latest = await page()
        this.#failing.delete(name)
        // A shared page is the same object for a while, and is compared once.
        if (latest === known?.page) continue
        const comparable = latest.text.replace(VOLATILE_FIELDS, '')
        if (known?.comparable === comparable) known.page = latest
        else this.#latest.set(name, { page: latest, comparable, text: event(name, latest.text) })
      } catch (error) {
        // A new listener gets no event rather than an old one.
        this.#latest.delete(name)
        if (!this.#failing.has(name)) this.#parts.failed(error)
        this.#failing.add(name)
      }
    }
  }

  #sendNews(listener: Listener): void {
    const { stream, sent } = listener
    if ((stream.desiredSize ?? 0) <= 0) return
    let news = ''
    for (const [name, latest] of this.#latest) {
      if (sent.get(name) === latest) continue
      sent.set(name, latest)
      news += latest.text
    }
    const now = this.#parts.clock.now()
    if (news === '' && now - listener.sentAt < KEEP_ALIVE_MS) return
    listener.sentAt = now
    stream.enqueue(bytesOf(news === '' ? SIGN_OF_LIFE : news))
  }
}
