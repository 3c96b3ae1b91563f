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
  #drip: NodeJS.Timeout | undefined

  constructor(port: number, start: string, drips: boolean) {
    this.call = new RawCall(port)
    this.call.send(start)
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
  const passed = (ms: number) => pause(Math.max(0, startedAt + ms - performance.now()))
  const found = (name: string): RawCall[] =>
    [...clients].filter(([known]) => known.startsWith(name)).map(([, { call }]) => call)

  before(async () => {
    pair = await Pair.start(target, { simulate: [], serve: [] })
    startedAt = performance.now()
    start('half a head', HALF)
    start('half a second head', LIVE + HALF)
    start('page', page('GET /queue/stats', pair.proxy.port))
    start('admin', page('POST /admin/queue/pause', pair.proxy.port))
    clients.set('silent', new SlowClient(pair.proxy.port, '', false))
    clients.set('idle', new SlowClient(pair.proxy.port, LIVE, false))
  })
  after(async () => {
    for (const client of clients.values()) client.leave()
    await pair?.stop()
  })

  const wait = (): void => {
    describe('a client that is slow', () => {
      it('has sent the body for one of our own pages within 30 s, or its connection is closed', async () => {
        await passed(BODY_MS)
        for (const call of [...found('page'), ...found('admin')]) assert.equal(call.closed, true)
        for (const call of found('page')) assert.equal(call.status, 200)
        for (const call of found('admin')) {
          assert.equal(call.status, 408)
          assert.match(call.received, /"body_stalled"/)
        }
      })

      it('has sent its head within 60 s, or its connection is closed', async () => {
        await passed(HEAD_MS)
        for (const call of [...found('half a head'), ...found('silent')]) assert.equal(call.closed, true)
        for (const call of found('half a second head')) {
          assert.equal(call.status, 200)
          assert.equal(call.closed, target.gaps?.secondHead === undefined)
        }
      })

      it('keeps an idle connection for longer than proxies pool theirs', async () => {
        await passed(POOLED_MS)
        const [idle] = found('idle')
        assert.equal(idle?.closed, false)
        idle?.send(LIVE)
        await until('it is answered again', () => idle?.received.split('"live"').length === 3)
      })
    })
  }
  return { wait }
}
