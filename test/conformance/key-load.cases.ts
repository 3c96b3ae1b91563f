import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { OllamaKey } from '../callers/support/builders.ts'
import { bearer, CREDENTIALS, keyRing, secretOf, THE_SUITE } from './key-ring.ts'
import { Pair, type Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'

const MANY = 15_000
/** Sent before the memory is measured. */
const FIRST = 5_000
const AT_ONCE = 8
/** Measured: 45 ms on two cores with six other programs at work, which is most of the time. */
const HEALTH_P99_MS = 500
/** Measured: between 17 MiB less and 9 MiB more. */
const MOST_GROWTH = 64 * MIB

type Headers = Readonly<Record<string, string>>

/** Reproducible from run to run: the multiplier and the increment of Numerical Recipes. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state
  }
}

/** Headers of somebody who has no key, but has seen one, or its hash, or a request that another client sent. */
function hostileHeaders(signer: OllamaKey): (() => Headers)[] {
  const random = numbers()
  const number = (below: number) => random.next().value % below
  const text = (length: number) => Array.from({ length }, () => String.fromCharCode(33 + number(94))).join('')
  const secret = secretOf('alice')
  const { KEYS = '{}' } = keyRing({ alice: {} })
  const { alice } = JSON.parse(KEYS) as { alice: { hash: string } }
  const long = text(8_000)
  const at = () => number(secret.length)
  const without = (index: number, put = '') => secret.slice(0, index) + put + secret.slice(index + 1)
  const nearly = [
    () => without(at()),
    () => without(at(), '='),
    () => secret.slice(0, -1 - number(20)),
    () => secret + text(1 + number(4)).replaceAll(',', '.'),
    () => secret.toUpperCase(),
    () => secret.repeat(2),
    () => encodeURIComponent(`${secret}é`),
    () => btoa(secret),
    () => alice.hash,
    () => alice.hash.slice('sha256:'.length),
    () => ['__proto__', 'constructor', 'toString', 'null', 'undefined', 'alice', '*'][number(7)] ?? '',
    () => `sk-ogp-alice-${text(43)}`,
    () => text(1 + number(600)),
    () => long,
    () => '',
  ]
  const some = () => (nearly[number(nearly.length)] ?? nearly[0])?.() ?? ''
  const headers = Object.values(CREDENTIALS)
  const ts = () => Math.floor(Date.now() / 1_000)
  return [
    () => headers[number(headers.length)]?.(some()) ?? {},
    () => ({ authorization: `Bearer -${some()}`, ...CREDENTIALS['x-api-key'](secret) }),
    () => ({ authorization: `Bearer ${secret}, Bearer ${text(20)}` }),
    () => ({ authorization: `Basic ${text(40)}` }),
    () => ({ authorization: `Basic ${btoa(`${secret}:${text(10)}`)}` }),
    () => ({ authorization: `${signer.wire}:${text(86)}==` }),
    () => ({ authorization: signer.authorization('GET', `/v1/models?ts=${ts()}`) }),
    () => ({ authorization: new OllamaKey().authorization('GET', '/v1/models') }),
    () => ({ authorization: signer.wire }),
    () => ({ authorization: `Token ${secret}` }),
  ]
}

/** Proxies that tell an address which is none, or which is not the one that counts. */
function hostileAddress(count: number): string {
  const own = `198.${18 + (count % 2)}.${(count >> 9) & 255}.${(count >> 1) & 255}`
  switch (count % 5) {
    case 0:
      return `192.0.2.20, ${own}`
    case 1:
      return `2001:db8:${(count >> 3).toString(16)}::1`
    case 2:
      return `${'192.0.2.20, '.repeat(40)}unknown`
    case 3:
      return '203.0.113.1'
    default:
      return own
  }
}

export function keyLoad(target: Target): void {
  if (target.gaps) return
  describe('a multitude of wrong credentials', () => {
    const signer = new OllamaKey()
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--load-time', '0'],
        serve: ['--parallel', '4'],
        variables: {
          ...keyRing({ alice: {}, signer: { ed25519: signer.line }, plc: { address: '192.0.2.20' } }),
          TRUSTED_PROXIES: THE_SUITE,
        },
      })
    })
    after(async () => {
      agent.destroy()
      await pair.stop()
    })

    async function statusOf(path: string, method: string, headers: Headers): Promise<number> {
      const asked = request(pair.proxy.url + path, { agent, method, headers })
      asked.end(method === 'POST' ? '{"model":"llama3.2","messages":[{}]}' : undefined)
      const [answer] = (await once(asked, 'response')) as [IncomingMessage]
      answer.resume()
      await once(answer, 'end')
      return answer.statusCode ?? 0
    }

    it('lets none in, delays nobody and leaves no memory behind', async (test) => {
      const kinds = hostileHeaders(signer)
      const statuses = new Map<number, number>()
      let sent = 0
      const sendUntil = async (end: number) => {
        const worker = async () => {
          for (let count = sent++; count < end; count = sent++) {
            const headers = {
              ...kinds[count % kinds.length]?.(),
              'x-forwarded-for': hostileAddress(Math.floor(count / kinds.length)),
            }
            const status = await (count % 3 === 0
              ? statusOf('/api/chat', 'POST', headers)
              : statusOf('/api/tags', 'GET', headers))
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
          }
          // The number that this worker took and did not use.
          sent--
        }
        await Promise.all(Array.from({ length: AT_ONCE }, worker))
      }

      await sendUntil(FIRST)
      const before = residentOf(pair.proxy)?.now ?? 0
      const times: number[] = []
      let over = false
      const watching = (async () => {
        while (!over) {
          const startedAt = performance.now()
          await (await fetch(`${pair.proxy.url}/health`)).text()
          times.push(performance.now() - startedAt)
          await pause(10)
        }
      })()
      const startedAt = performance.now()
      await sendUntil(FIRST + MANY)
      const tookMs = performance.now() - startedAt
      over = true
      await watching
      const growth = (residentOf(pair.proxy)?.now ?? 0) - before

      const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0
      test.diagnostic(
        `${MANY} in ${Math.round(tookMs)} ms; /health p99 ${p99.toFixed(1)} ms of ${times.length}; ${(growth / MIB).toFixed(1)} MiB more`,
      )
      assert.deepEqual([...statuses.keys()].sort(), [401, 429])
      assert.equal(
        [...statuses.values()].reduce((sum, each) => sum + each),
        FIRST + MANY,
      )
      assert.equal((await pair.simulated()).submitted, 0)
      assert.ok(p99 < HEALTH_P99_MS, `/health took ${p99} ms at p99`)
      assert.ok(growth < MOST_GROWTH, `${growth / MIB} MiB more`)

      // Who has a key is served all the while, from the same addresses.
      assert.equal(
        await statusOf('/api/tags', 'GET', { ...bearer('alice'), 'x-forwarded-for': '203.0.113.1' }),
        200,
      )
    })
  })
}
