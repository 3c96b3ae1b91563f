import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { AlertEvent } from '../../src/alerts/alert.ts'
import { Webhook, type WebhookParts } from '../../src/alerts/webhook.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

interface Received {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

function anEvent(id = 'memory', event: AlertEvent['event'] = 'raised'): AlertEvent {
  const alert = {
    id,
    metric: 'memory',
    model: null,
    level: 'warning',
    value: 83,
    threshold: 80,
    unit: 'percent',
    since: '2026-01-01T00:00:00.000Z',
    message: '83 % of the memory is in use (warning from 80 %)',
    action: 'Add memory – or a smaller model.',
  } as const
  return { event, alert }
}

/** A receiver on a real socket. It answers 204, or as it is told. */
class Receiver {
  readonly received: Received[] = []
  answer: (response: ServerResponse) => void = (response) => response.writeHead(204).end()
  readonly #server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      this.received.push({ method: request.method, path: request.url, headers: request.headers, body })
      this.answer(response)
    })
  })

  get url(): string {
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${port}/hook/s3cret?sig=s3cret`
  }

  ids(): string[] {
    return this.received.map(({ body }) => JSON.parse(body).alert.id)
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  close(): Promise<unknown> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    return closed
  }
}

describe('the webhook', () => {
  let receiver = new Receiver()
  let webhook: Webhook | undefined
  beforeEach(async () => {
    receiver = new Receiver()
    await receiver.listen()
  })
  afterEach(async () => {
    webhook?.stop()
    await receiver.close()
  })

  function aWebhook(parts: Partial<WebhookParts> = {}) {
    const clock = new ManualClock()
    const logged: { level: string; message: string; fields: unknown }[] = []
    const note = (level: string) => (message: string, fields?: unknown) => {
      logged.push({ level, message, fields })
    }
    const made = new Webhook({
      clock,
      url: receiver.url,
      version: '1.2.3',
      proxyUrl: () => 'http://127.0.0.1:8080',
      fetch: (url, init) => fetch(url, init),
      log: { debug: note('debug'), warn: note('warn') },
      random: () => 0.5,
      ...parts,
    })
    webhook = made
    const warnings = () => logged.filter(({ level }) => level === 'warn')
    const failures = () => logged.filter(({ level }) => level === 'debug')
    /** Waits for the failure of that many tries, and for the pause after it. */
    const failed = (tries: number) =>
      until(`${tries} failed tries`, () => failures().length === tries && clock.pending === 1)
    return { clock, webhook: made, logged, warnings, failures, failed }
  }
  const arrived = (count: number) => until(`${count} posts`, () => receiver.received.length >= count)

  it('posts what happened, to what, and who says so', async () => {
    const { webhook } = aWebhook()
    webhook.send(anEvent())
    await arrived(1)
    const [post] = receiver.received
    assert.equal(post?.method, 'POST')
    assert.equal(post?.path, '/hook/s3cret?sig=s3cret')
    assert.equal(post?.headers['content-type'], 'application/json')
    assert.equal(post?.headers['x-guard-signature'], undefined)
    assert.deepEqual(JSON.parse(post?.body ?? ''), {
      ...anEvent(),
      proxy: { version: '1.2.3', url: 'http://127.0.0.1:8080' },
    })
  })

  it('signs the time and the bytes of each try', async () => {
    const { clock, webhook, failed } = aWebhook({ secret: 'hüsh' })
    receiver.answer = (response) => response.writeHead(receiver.received.length === 1 ? 500 : 200).end('ok')
    clock.advance(1_700)
    webhook.send(anEvent())
    await failed(1)
    clock.advance(1_000)
    await arrived(2)
    const times = receiver.received.map(({ headers, body }) => {
      const time = headers['x-guard-timestamp']
      const hmac = createHmac('sha256', 'hüsh').update(`${time}.${body}`).digest('hex')
      assert.equal(headers['x-guard-signature'], `sha256=${hmac}`)
      return Number(time)
    })
    assert.deepEqual(times, [Date.UTC(2026, 0, 1) / 1_000 + 1, Date.UTC(2026, 0, 1) / 1_000 + 2])
  })

  it('tries five times with growing pauses, then says so and goes on with the next', async () => {
    const { clock, webhook, warnings, failed } = aWebhook()
    receiver.answer = (response) => response.writeHead(503).end()
    webhook.send(anEvent('first'))
    webhook.send(anEvent('second'))
    for (const [tries, pauseMs] of [1_000, 2_000, 4_000, 8_000].entries()) {
      await failed(tries + 1)
      clock.advance(pauseMs - 1)
      assert.equal(clock.pending, 1)
      clock.advance(1)
      await arrived(tries + 2)
    }
    await until('the warning', () => warnings().length === 1)
    assert.deepEqual(warnings()[0]?.fields, {
      alert: 'first',
      event: 'raised',
      tries: 5,
      failure: 'the webhook answered 503',
    })
    receiver.answer = (response) => response.writeHead(200).end()
    await until('the second', () => receiver.ids().includes('second'))
    assert.deepEqual(receiver.ids().slice(0, 5), Array(5).fill('first'))
  })

  it('spreads the pauses from half to one and a half', async () => {
    for (const [random, pauseMs] of [
      [0, 500],
      [0.999, 1_499],
    ] as const) {
      const { clock, webhook, failed } = aWebhook({ random: () => random })
      receiver.answer = (response) => response.writeHead(500).end()
      webhook.send(anEvent())
      await failed(1)
      clock.advance(pauseMs - 1)
      assert.equal(clock.pending, 1)
      clock.advance(1)
      await failed(2)
      webhook.stop()
    }
  })

  it('keeps the order, one at a time, while one is slow', async () => {
    const { webhook } = aWebhook()
    const held: ServerResponse[] = []
    receiver.answer = (response) => held.push(response)
    for (const id of ['a', 'b', 'c']) webhook.send(anEvent(id))
    for (const count of [1, 2, 3]) {
      await until(`${count} under way`, () => held.length === count)
      assert.equal(receiver.received.length, count)
      held[count - 1]?.end()
    }
    assert.deepEqual(receiver.ids(), ['a', 'b', 'c'])
  })

  it('gives a try five seconds', async () => {
    const { clock, webhook, failures, failed } = aWebhook()
    receiver.answer = () => {}
    webhook.send(anEvent())
    await arrived(1)
    clock.advance(4_999)
    assert.equal(failures().length, 0)
    clock.advance(1)
    await failed(1)
    assert.match(JSON.stringify(failures()), /no answer within 5 s/)
  })

  it('follows no redirect', async () => {
    const elsewhere = new Receiver()
    await elsewhere.listen()
    const { webhook, failures, failed } = aWebhook()
    receiver.answer = (response) => response.writeHead(307, { Location: elsewhere.url }).end()
    webhook.send(anEvent())
    await failed(1)
    assert.match(JSON.stringify(failures()), /the webhook answered 307/)
    assert.equal(elsewhere.received.length, 0)
    await elsewhere.close()
  })

  it('says why nobody was reached, and never where', async () => {
    const gone = new Receiver()
    await gone.listen()
    const { url } = gone
    await gone.close()
    const { webhook, logged, failed } = aWebhook({ url })
    webhook.send(anEvent())
    await failed(1)
    assert.match(JSON.stringify(logged), /ECONNREFUSED/)
    assert.doesNotMatch(JSON.stringify(logged), /s3cret|hook\//)
  })

  it('lets a hundred wait, then drops the oldest and counts', async () => {
    const { webhook, warnings } = aWebhook()
    const held: ServerResponse[] = []
    receiver.answer = (response) => held.push(response)
    webhook.send(anEvent('under way'))
    await arrived(1)
    for (let i = 0; i < 102; i++) webhook.send(anEvent(`alert-${i}`))
    assert.equal(webhook.dropped, 2)
    assert.deepEqual(
      warnings().map(({ fields }) => fields),
      [
        { alert: 'alert-0', event: 'raised', dropped: 1 },
        { alert: 'alert-1', event: 'raised', dropped: 2 },
      ],
    )
    receiver.answer = (response) => response.end()
    held[0]?.end()
    await arrived(101)
    assert.deepEqual(receiver.ids().slice(0, 2), ['under way', 'alert-2'])
  })

  it('gives up at once when it is stopped: a try, a pause, and what waits', async () => {
    const trying = aWebhook()
    let left = false
    receiver.answer = (response) => {
      response.on('close', () => {
        left = true
      })
    }
    trying.webhook.send(anEvent('a'))
    trying.webhook.send(anEvent('b'))
    await arrived(1)
    trying.webhook.stop()
    await until('the connection is cut', () => left)
    await until('no timer is left', () => trying.clock.pending === 0)
    trying.webhook.send(anEvent('c'))

    const pausing = aWebhook()
    receiver.answer = (response) => response.writeHead(500).end()
    pausing.webhook.send(anEvent('d'))
    await pausing.failed(1)
    pausing.webhook.stop()
    assert.equal(pausing.clock.pending, 0)
    assert.deepEqual(receiver.ids(), ['a', 'd'])
    assert.deepEqual(trying.logged, [])
  })

  it('never throws, whatever fetch does', async () => {
    const { webhook, failures, failed } = aWebhook({
      fetch: () => {
        throw new TypeError('broken')
      },
    })
    webhook.send(anEvent())
    await failed(1)
    assert.match(JSON.stringify(failures()), /TypeError/)
  })
})
