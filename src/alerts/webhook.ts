import type { Cancel, Clock } from '../clock.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { AlertEvent } from './alert.ts'

const TRY_LASTS_MS = 5_000
const TRIES = 5
/** Pause after the first failure. The pause doubles with each further failure. */
const FIRST_PAUSE_MS = 1_000
/** Events that may wait behind the event that is being posted. */
const LONGEST_QUEUE = 100

export interface WebhookParts {
  readonly clock: Clock
  /** Events go to this address and nowhere else. It may hold a secret, so it is never logged. */
  readonly url: string
  /** Signs each post; undefined: posts are not signed. */
  readonly secret?: string | undefined
  readonly version: string
  /** Called for every event, since the address is unknown until the proxy listens. */
  readonly proxyUrl: () => string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly log: Pick<Log, 'debug' | 'warn'>
  /** 0 ≤ x < 1; spreads the tries in time. */
  readonly random?: () => number
}

interface QueuedEvent {
  readonly event: AlertEvent
  readonly body: string
}

/** Posts events to one address, one at a time and in order. Nothing waits for a post. Never throws. */
export class Webhook {
  readonly #parts: WebhookParts
  readonly #random: () => number
  readonly #queue: QueuedEvent[] = []
  readonly #stopping = new AbortController()
  #dropped = 0
  #working = false

  constructor(parts: WebhookParts) {
    this.#parts = parts
    this.#random = parts.random ?? Math.random
  }

  /** Number of events that were dropped because a hundred others were waiting. */
  get dropped(): number {
    return this.#dropped
  }

  send(event: AlertEvent): void {
    if (this.#stopping.signal.aborted) return
    const { version, proxyUrl } = this.#parts
    const body = JSON.stringify({ ...event, proxy: { version, url: proxyUrl() } })
    this.#queue.push({ event, body })
    if (this.#queue.length > LONGEST_QUEUE) this.#dropOldest()
    if (!this.#working) void this.#work()
  }

  /** Drops the waiting events and aborts the post under way. */
  stop(): void {
    this.#queue.length = 0
    this.#stopping.abort()
  }

  #dropOldest(): void {
    const oldest = this.#queue.shift()
    this.#dropped++
    this.#parts.log.warn('the alert webhook is too slow: the oldest event was dropped', {
      alert: oldest?.event.alert.id,
      event: oldest?.event.event,
      dropped: this.#dropped,
    })
  }

  async #work(): Promise<void> {
    this.#working = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) await this.#deliver(next)
    this.#working = false
  }

  async #deliver({ event, body }: QueuedEvent): Promise<void> {
    const { log } = this.#parts
    const about = { alert: event.alert.id, event: event.event }
    let failure = ''
    for (let tries = 1; tries <= TRIES; tries++) {
      failure = await this.#try(body)
      if (this.#stopping.signal.aborted) return
      if (failure === '') return
      log.debug('posting an event to the alert webhook failed', { ...about, tries, failure })
      if (tries < TRIES) await this.#pause(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + this.#random()))
      if (this.#stopping.signal.aborted) return
    }
    log.warn('an event was not delivered to the alert webhook', { ...about, tries: TRIES, failure })
  }

  /** Returns why the post failed; empty when it succeeded. */
  async #try(body: string): Promise<string> {
    const { clock, url, fetch } = this.#parts
    const controller = new AbortController()
    const abort = () => controller.abort()
    this.#stopping.signal.addEventListener('abort', abort, { once: true })
    const cancelTimer = clock.after(TRY_LASTS_MS, abort)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...(await this.#signature(body)) },
        body,
        // A redirect could lead to an address that nobody configured.
        redirect: 'manual',
        signal: controller.signal,
      })
      await response.body?.cancel().catch(() => {})
      return response.ok ? '' : `the webhook answered ${response.status}`
    } catch (error) {
      return controller.signal.aborted ? `no answer within ${TRY_LASTS_MS / 1_000} s` : codeOf(error)
    } finally {
      cancelTimer()
      this.#stopping.signal.removeEventListener('abort', abort)
    }
  }

  async #signature(body: string): Promise<Record<string, string>> {
    const { clock, secret } = this.#parts
    if (secret === undefined) return {}
    const timestamp = String(Math.floor(clock.wallTime() / 1_000))
    const encoder = new TextEncoder()
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const key = await crypto.subtle.importKey('raw', encoder.encode(secret), hmac, false, ['sign'])
    const signed = await crypto.subtle.sign('HMAC', key, encoder.encode(`${timestamp}.${body}`))
    return { 'X-Guard-Timestamp': timestamp, 'X-Guard-Signature': `sha256=${hex(signed)}` }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping
    return new Promise((resolve) => {
      const cancel: Cancel = this.#parts.clock.after(ms, () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      })
      const giveUp = () => {
        cancel()
        resolve()
      }
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The code or the name of an error. Its message is not used: the message could hold the address, which may be a secret. */
function codeOf(error: unknown): string {
  const innermost = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(innermost instanceof Error)) return 'unknown error'
  return 'code' in innermost && typeof innermost.code === 'string' ? innermost.code : innermost.name
}
