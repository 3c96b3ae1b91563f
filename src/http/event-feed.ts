import type { Cancel, Clock } from '../clock.ts'
import { EventPlaces, type Listening } from './event-places.ts'
import type { JsonText } from './shared-pages.ts'

/** How often something new is told at most. */
const TELL_EVERY_MS = 500
/** Proxies between us and a listener cut connections on which nothing comes. */
const SIGN_OF_LIFE_MS = 15_000
/** Time after which a listener that lost us comes back. */
const RETRY_MS = 2_000
/** A listener that has this much unread is told nothing more until it has read. */
const UNREAD_BYTES = 1024 * 1024
/**
 * These change from one moment to the next and are no news by themselves. Their values hold no comma and no brace,
 * and within a text the quotes would be escaped.
 */
const NO_NEWS = /"(?:timestamp|uptime_seconds|checked_at|latency_ms)":[^,}]*/g

export interface EventFeedParts {
  readonly clock: Clock
  /** Told once to each who comes, by name of the event. */
  readonly first: Readonly<Record<string, () => JsonText>>
  /** Told to each who comes, and again whenever they differ. */
  readonly pages: Readonly<Record<string, () => JsonText | Promise<JsonText>>>
  /** Told when a page cannot be had, once until it can be had again. */
  readonly failed: (error: unknown) => void
  /** True when nobody is to be told anything any more. */
  readonly ended: () => boolean
}

interface Told {
  /** The page as it was looked at last. It may differ in what is no news. */
  page: JsonText
  readonly text: string
  readonly comparable: string
}

interface Listener extends Listening {
  readonly stream: ReadableStreamDefaultController<Uint8Array>
  /** What it was told last, by event. */
  readonly heard: Map<string, Told>
  toldAt: number
}

const utf8 = new TextEncoder()

/**
 * Server-sent events of how our pages change. It looks at them twice a second while somebody listens, and not at
 * all otherwise; who reads slowly misses what was in between, and nothing is kept for him.
 */
export class EventFeed {
  readonly #parts: EventFeedParts
  readonly #listeners = new EventPlaces<Listener>()
  readonly #latest = new Map<string, Told>()
  readonly #failing = new Set<string>()
  #next: Cancel | undefined

  constructor(parts: EventFeedParts) {
    this.#parts = parts
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** A stream for one more listener. Throws `too_many_listeners`, or what a page for the first time throws. */
  async open({ address, operator }: Listening): Promise<ReadableStream<Uint8Array>> {
    this.#listeners.check({ address, operator })
    await this.#look()
    // Many may have come while the pages were made.
    this.#listeners.check({ address, operator })
    const first = Object.entries(this.#parts.first).map(([name, page]) => event(name, page().text))
    let listener: Listener | undefined
    return new ReadableStream<Uint8Array>(
      {
        start: (stream) => {
          listener = { address, operator, stream, heard: new Map(), toldAt: this.#parts.clock.now() }
          this.#listeners.add(listener)?.stream.close()
          stream.enqueue(utf8.encode(`retry: ${RETRY_MS}\n\n${first.join('')}`))
          this.#tell(listener)
          this.#next ??= this.#later()
        },
        cancel: () => {
          if (listener) this.#listeners.delete(listener)
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNREAD_BYTES }),
    )
  }

  #later(): Cancel {
    return this.#parts.clock.after(TELL_EVERY_MS, () => void this.#turn())
  }

  async #turn(): Promise<void> {
    const ended = this.#parts.ended()
    if (this.#listeners.size > 0) {
      await this.#look()
      for (const listener of this.#listeners) this.#tell(listener)
    }
    if (ended) {
      for (const { stream } of this.#listeners) stream.close()
      this.#listeners.clear()
    }
    this.#next = this.#listeners.size > 0 ? this.#later() : undefined
  }

  /** Never rejects: one page that fails must not silence the others. */
  async #look(): Promise<void> {
    for (const [name, page] of Object.entries(this.#parts.pages)) {
      try {
        const told = this.#latest.get(name)
        const latest = await page()
        this.#failing.delete(name)
        // A page that is shared is looked at once, however many come to listen meanwhile.
        if (latest === told?.page) continue
        const comparable = latest.text.replace(NO_NEWS, '')
        if (told?.comparable === comparable) told.page = latest
        else this.#latest.set(name, { page: latest, comparable, text: event(name, latest.text) })
      } catch (error) {
        // Who comes now is told nothing rather than what was true once.
        this.#latest.delete(name)
        if (!this.#failing.has(name)) this.#parts.failed(error)
        this.#failing.add(name)
      }
    }
  }

  #tell(listener: Listener): void {
    const { stream, heard } = listener
    if ((stream.desiredSize ?? 0) <= 0) return
    let news = ''
    for (const [name, told] of this.#latest) {
      if (heard.get(name) === told) continue
      heard.set(name, told)
      news += told.text
    }
    const now = this.#parts.clock.now()
    if (news === '' && now - listener.toldAt < SIGN_OF_LIFE_MS) return
    listener.toldAt = now
    stream.enqueue(utf8.encode(news === '' ? ': still here\n\n' : news))
  }
}

/** `data`: JSON, which has no line breaks of its own, so that one line is enough. */
function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`
}
