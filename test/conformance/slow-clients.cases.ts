import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { Pair, type Target } from './pair.ts'
import { RawCall } from './raw-call.ts'

const LIVE = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'
const HALF = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: '
/** Announces a body of a thousand bytes. */
const page = (line: string, port: number) =>
  `${line} HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`

/** A head has to be here within 60 s, a body of a page within 30 s. The rest is for a busy machine. */
const HEAD_MS = 62_000
const BODY_MS = 33_000
/** Proxies before us, such as cloudflared and Traefik, keep idle connections for so long. */
const POOLED_MS = 91_000

/** A client that stops in the middle, and one that goes on a byte at a time, which must not help it. */
class SlowClient {
  readonly call: RawCall
  /** When its connection was closed, as performance.now() tells; Infinity while it is open. */
  closedAt = Number.POSITIVE_INFINITY
  #drip: NodeJS.Timeout | undefined

  constructor(port: number, start: string, drips: boolean) {
    this.call = new RawCall(port)
    this.call.send(start)
    this.call.socket.on('close', () => {
      this.closedAt = performance.now()
    })
    if (drips) this.#drip = setInterval(() => this.call.send('a'), 1_000)
  }

  leave(): void {
    clearInterval(this.#drip)
    this.call.leave('rst')
  }
}

/**
 * Clients that are slow with everything but their answers. They begin when the suite does, and `wait`, called last,
 * looks at what became of them, so that their time passes while other cases run.
 */
export function slowClients(target: Target): { wait(): void } {
  // The connections of workerd are its server's here, and the edge's on Cloudflare.
  if (target.gaps?.ownParser) return { wait() {} }

  let pair: Pair
  let startedAt = 0
  const clients = new Map<string, SlowClient>()
  const start = (name: string, begin: string): void => {
    for (const drips of [false, true])
      clients.set(`${name}${drips ? ', dripping' : ''}`, new SlowClient(pair.proxy.port, begin, drips))
  }
  let asking: NodeJS.Timeout | undefined
  const passed = (ms: number) => pause(Math.max(0, startedAt + ms - performance.now()))
  const found = (name: string): SlowClient[] =>
    [...clients].filter(([known]) => known.startsWith(name)).map(([, client]) => client)
  const closedWithin = (ms: number, { closedAt }: SlowClient): boolean => closedAt <= startedAt + ms

  before(async () => {
    pair = await Pair.start(target, { simulate: [], serve: [] })
    startedAt = performance.now()
    start('half a head', HALF)
    start('half a second head', LIVE + HALF)
    start('page', page('GET /queue/stats', pair.proxy.port))
    start('admin', page('POST /admin/queue/pause', pair.proxy.port))
    clients.set('silent', new SlowClient(pair.proxy.port, '', false))
    const idle = new SlowClient(pair.proxy.port, LIVE, false)
    clients.set('idle', idle)
    // By itself, because the cases before the last one may take longer than the connection is kept.
    asking = setTimeout(() => idle.call.send(LIVE), POOLED_MS)
  })
  after(async () => {
    clearTimeout(asking)
    for (const client of clients.values()) client.leave()
    await pair?.stop()
  })

  const wait = (): void => {
    describe('a client that is slow', () => {
      it('has sent the body for one of our own pages within 30 s, or its connection is closed', async () => {
        await passed(BODY_MS)
        for (const client of [...found('page'), ...found('admin')])
          assert.ok(closedWithin(BODY_MS, client), client.call.received)
        for (const { call } of found('page')) assert.equal(call.status, 200)
        for (const { call } of found('admin')) {
          assert.equal(call.status, 408)
          assert.match(call.received, /"body_stalled"/)
        }
      })

      it('has sent its head within 60 s, or its connection is closed', async () => {
        await passed(HEAD_MS)
        for (const client of [...found('half a head'), ...found('silent')])
          assert.ok(closedWithin(HEAD_MS, client), client.call.received)
        for (const client of found('half a second head')) {
          assert.equal(client.call.status, 200)
          assert.equal(closedWithin(HEAD_MS, client), target.gaps?.secondHead === undefined)
        }
      })

      it('keeps an idle connection for longer than proxies pool theirs', async () => {
        await passed(POOLED_MS)
        const [idle] = found('idle')
        await until('it is answered again', () => idle?.call.received.split('"live"').length === 3)
      })
    })
  }
  return { wait }
}
