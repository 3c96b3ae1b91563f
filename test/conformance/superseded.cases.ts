import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { bearer } from './key-ring.ts'
import { masked } from './masked.ts'
import { Pair, startProxy, type Target } from './pair.ts'
import { isWhole, parseAnswer } from './raw-answer.ts'
import { head, RawCall } from './raw-call.ts'
import { ScriptedOllama } from './scripted-ollama.ts'
import {
  allAccountsEmpty,
  keysOf,
  MODEL,
  NO_WAIT_INSIDE,
  person,
  type Sent,
  send,
  sendAndStream,
  sendToLine,
} from './served-order.ts'

type Headers = Readonly<Record<string, string>>

const NEWER = 'A newer request with the same X-Queue-Key replaced this one.'
const NEWER_IN_STREAM =
  'A newer request with the same X-Queue-Key replaced this one in the middle of its answer.'

/** By path: the body of an answer that never began, and the end of one that had. */
const SUPERSEDED: Readonly<Record<string, { readonly body: object; readonly lastWords: string }>> = {
  '/api/generate': {
    body: { error: `superseded: ${NEWER}`, code: 'superseded', message: NEWER, model: MODEL },
    lastWords: `\n${JSON.stringify({ error: NEWER_IN_STREAM })}\n`,
  },
  '/v1/chat/completions': {
    body: { error: { message: NEWER, type: 'invalid_request_error', param: null, code: 'superseded' } },
    lastWords: `\n\ndata: ${JSON.stringify({
      error: { message: NEWER_IN_STREAM, type: 'invalid_request_error', param: null, code: 'superseded' },
    })}\n\n`,
  },
  '/v1/messages': {
    body: { type: 'error', error: { type: 'api_error', message: NEWER }, request_id: 'req_#' },
    lastWords: `\n\nevent: error\ndata: ${JSON.stringify({
      type: 'error',
      error: { type: 'api_error', message: NEWER_IN_STREAM },
    })}\n\n`,
  },
}

/** The same body where the status came too late. */
function withStatus(body: object | undefined): object {
  const { error } = Object(body)
  return typeof error === 'string' ? { ...body, status: 499 } : { ...body, error: { ...error, status: 499 } }
}

const KEY = { 'X-Queue-Key': 'document-1' }
const editor = { ...bearer('editor'), ...KEY }
const ENDS_RUNNING = { 'X-Queue-Key-Running': 'cancel' }

const KEYS = {
  editor: {},
  reader: {},
  modest: { models: ['mistral'] },
  webui: { users: 'open-webui' },
}

/** A call that gives way to a newer one of the same caller. */
export function superseded(target: Target): void {
  describe('a newer call with the same X-Queue-Key', () => {
    const open: Sent[] = []
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: NO_WAIT_INSIDE,
        serve: ['--parallel', '1', '--max-queue', '1'],
        variables: { ...keysOf(target, KEYS), WAITING: '{"after":0.5,"every":0.5}' },
      })
    })
    after(() => pair.stop())
    afterEach(async () => {
      for (const { call } of open.splice(0)) call.leave('rst')
      await allAccountsEmpty(pair)
    })

    const kept = (sent: Sent) => {
      open.push(sent)
      return sent
    }
    const come = (id: string, headers: Headers, path?: string, more?: object) =>
      kept(send(pair, id, headers, path, more))
    const runs = async (id: string, headers: Headers = bearer('reader')) =>
      kept(await sendAndStream(pair, id, headers))
    const waits = async (id: string, headers: Headers, path?: string) =>
      kept(await sendToLine(pair, id, headers, path))
    const streams = ({ id, call }: Sent) =>
      until(`${id} streams`, () => /"done":false|data: /.test(call.received))
    /** Until the answer is whole. */
    const answered = async ({ id, call }: Sent) => {
      await until(`${id} is answered`, () => isWhole(call.received, false))
      return parseAnswer(call.received)
    }
    const isSuperseded = async (sent: Sent, path: string) => {
      const { status, headers, body } = await answered(sent)
      assert.equal(status, 499)
      assert.deepEqual(JSON.parse(masked(body)), SUPERSEDED[path]?.body)
      const header = (name: string) => headers.find((each) => each[0].toLowerCase() === name)?.[1]
      assert.equal(header('x-should-retry'), 'false')
      assert.equal(header('x-request-id'), sent.id)
      assert.equal(header('retry-after'), undefined)
    }
    const figures = async () => {
      const { active_requests, queued_requests } = await pair.stats()
      return [active_requests, queued_requests]
    }
    /** The line of a call in the log. */
    const logged = async (id: string) => {
      const ofCall = (line: string) => line.startsWith('{') && line.includes(`"request_id":"${id}"`)
      await until(`the line of ${id}`, () => pair.proxy.output.split('\n').some(ofCall))
      const { outcome, reason, status } = JSON.parse(pair.proxy.output.split('\n').find(ofCall) ?? '{}')
      return { outcome, reason, status }
    }

    if (target.gaps?.queueKeys) {
      it('ends nothing where isolates know nothing of the calls of others', async () => {
        const running = await runs('running', editor)
        const older = await waits('older', editor)
        const refused = await answered(come('newer', { ...editor, ...ENDS_RUNNING }))
        assert.equal(refused.status, 503)
        assert.equal(older.call.received, '')
        running.call.leave('rst')
        await streams(older)
        older.call.leave('rst')
        await streams(come('long', { ...bearer('editor'), 'X-Queue-Key': 'k'.repeat(201) }))
      })
      return
    }

    for (const path of Object.keys(SUPERSEDED)) {
      it(`ends an older one that waits, and has its place in the full line: ${path}`, async () => {
        const { submitted } = await pair.simulated()
        const running = await runs('running')
        const older = await waits('older', editor, path)
        const newer = come('newer', editor, path)
        await isSuperseded(older, path)
        assert.deepEqual(await figures(), [1, 1])
        running.call.leave('rst')
        await streams(newer)
        assert.equal((await pair.simulated()).submitted, submitted + 2)
      })

      it(`ends an older one whose body still comes: ${path}`, async () => {
        const reading = new RawCall(pair.proxy.port)
        const lines = Object.entries({ ...editor, 'X-Request-Id': 'reading' })
        const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
        reading.send(`${head(path, 1_000).replace('\r\n\r\n', `\r\n${fields}\r\n`)}{"model":"llama3.2",`)
        const older = kept({ id: 'reading', call: reading })
        const list = async () => (await fetch(`${pair.proxy.url}/queue/requests`)).text()
        await until('it is read', async () => (await list()).includes('"state":"reading"'))
        const newer = come('newer', editor, path)
        await until('it is told', () => older.call.received.includes('request with the same X-Queue-Key'))
        assert.equal(older.call.status, 499)
        await streams(newer)
      })

      it(`ends a running one only where it asks for that, before the first byte: ${path}`, async () => {
        const { aborted } = await pair.simulated()
        const silent = come('silent', editor, path, { stream: false })
        await until('it runs', async () => (await pair.simulated()).active === 1)
        const patient = await waits('patient', editor, path)
        assert.equal(silent.call.received, '')
        const newest = come('newest', { ...editor, ...ENDS_RUNNING }, path)
        await isSuperseded(silent, path)
        await isSuperseded(patient, path)
        await streams(newest)
        assert.deepEqual(await figures(), [1, 0])
        assert.equal((await pair.simulated()).aborted, aborted + 1)
      })

      it(`ends one that has got signs of life, with last words that tell the status: ${path}`, async () => {
        await runs('running')
        const older = await waits('older', { ...editor, 'X-Queue-Notify': '1' }, path)
        await until('a sign', () => parseAnswer(older.call.received).body !== '')
        const newer = come('newer', editor, path)
        const { status, body } = await answered(older)
        assert.equal(status, 200)
        const last = masked(body)
          .trim()
          .split('\n')
          .at(-1)
          ?.replace(/^data: /, '')
        assert.deepEqual(JSON.parse(last ?? ''), withStatus(SUPERSEDED[path]?.body))
        assert.equal(newer.call.received, '')
      })

      it(`ends a running one in the middle of its answer, with last words that say so: ${path}`, async () => {
        const { aborted } = await pair.simulated()
        const older = come('older', editor, path)
        await streams(older)
        const newer = come('newer', { ...editor, ...ENDS_RUNNING }, path)
        await until('the connection is closed', () => older.call.closed)
        const { status, body } = parseAnswer(older.call.received)
        assert.equal(status, 200)
        assert.ok(body.endsWith(SUPERSEDED[path]?.lastWords ?? '?'), body.slice(-300))
        await streams(newer)
        assert.deepEqual(await figures(), [1, 0])
        assert.equal((await pair.simulated()).aborted, aborted + 1)
      })
    }

    it('ends no call of another caller, and none of another person behind the same key', async () => {
      await pair.update({ model: MODEL, queue_limit: 9 })
      await runs('running')
      const foreign = [
        await waits('other', { ...bearer('reader'), ...KEY }),
        await waits('ben', { ...person('webui', 'ben'), ...KEY }),
        await waits('nobody', { ...bearer('webui'), ...KEY }),
        await waits('elsewhere', { ...person('webui', 'ann'), 'X-Queue-Key': 'document-2' }),
        await waits('keyless', person('webui', 'ann')),
      ]
      const older = await waits('ann', { ...person('webui', 'ann'), ...KEY })
      come('newer', { ...person('webui', 'ann'), ...KEY, ...ENDS_RUNNING })
      await isSuperseded(older, '/api/generate')
      await until('the newer one waits', async () => (await pair.stats()).queued_requests === 6)
      for (const { call } of foreign) assert.equal(call.received, '')
      await pair.update({ model: MODEL, queue_limit: 1 })
    })

    it('ends nothing when it is refused for its model, its key or its headers', async () => {
      const modest = { ...bearer('modest'), ...KEY }
      const mistral = come('mistral', modest, '/api/generate', { model: 'mistral' })
      await streams(mistral)
      const all = { ...modest, ...ENDS_RUNNING }
      const refusals: readonly [status: number, code: string, headers: Headers][] = [
        [403, 'model_not_allowed', all],
        [400, 'invalid_request', { ...all, 'X-Queue-Key-Running': 'yes' }],
        [400, 'invalid_request', { ...all, 'X-Queue-Key': 'k'.repeat(201) }],
      ]
      for (const [status, code, headers] of refusals) {
        const refused = await answered(come(code, headers))
        assert.deepEqual([refused.status, JSON.parse(refused.body).code], [status, code])
      }
      const { length } = mistral.call.received
      await until('it streams on', () => mistral.call.received.length > length)
    })

    it('is told from an operator in the log, and counted in the metrics', async () => {
      const counted = async () => {
        const text = await (await fetch(`${pair.proxy.url}/metrics`)).text()
        return Number(/^ollama_guard_superseded_total\{model="llama3.2"\} (\d+)$/m.exec(text)?.[1] ?? 0)
      }
      const before = await counted()
      await runs('first-run', editor)
      const left = await waits('in-line', editor)
      const newest = come('newest-run', { ...editor, ...ENDS_RUNNING })
      await isSuperseded(left, '/api/generate')
      await streams(newest)
      assert.deepEqual(await logged('in-line'), { outcome: 'cancelled', reason: 'superseded', status: 499 })
      const running = { outcome: 'cancelled', reason: 'superseded_running', status: 200 }
      assert.deepEqual(await logged('first-run'), running)
      assert.equal(await counted(), before + 2)
    })

    it('is one of hundreds, of which one is left', async () => {
      const running = await runs('running')
      const calls = Array.from({ length: 300 }, (_, index) => come(`call-${index}`, editor))
      const ended = () => calls.filter(({ call }) => call.received.includes('"code":"superseded"'))
      await until('all but one are told', () => ended().length === calls.length - 1)
      assert.deepEqual(await figures(), [1, 1])
      running.call.leave('rst')
      const last = calls.find((each) => !ended().includes(each))
      assert.ok(last)
      await streams(last)
    })
  })

  it('the queue key of a request does not reach Ollama', async () => {
    const seen: string[][] = []
    const ollama = await ScriptedOllama.start((request, response) => {
      seen.push(request.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()))
      request.resume()
      response.end('{}')
    })
    const proxy = await startProxy(target, ollama.url, [])
    try {
      const headers = { ...KEY, ...ENDS_RUNNING, 'x-another': '1' }
      const body = JSON.stringify({ model: MODEL, prompt: 'x' })
      await (await fetch(`${proxy.url}/api/generate`, { method: 'POST', headers, body })).text()
      await (await fetch(`${proxy.url}/api/show`, { method: 'POST', headers, body })).text()
      const ours = seen.filter((names) => names.includes('x-another'))
      assert.equal(ours.length, 2)
      for (const names of ours) assert.ok(!names.some((name) => name.startsWith('x-queue-key')), names.join())
    } finally {
      await proxy.stop('SIGKILL')
      await ollama.stop()
    }
  })
}
