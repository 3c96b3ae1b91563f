import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Admission, Call } from '../../src/admission/contract.ts'
import type { ClassRule } from '../../src/callers/call-class.ts'
import type { Key } from '../../src/callers/caller.ts'
import type { Requester } from '../../src/relay/contract.ts'
import { aKey } from '../callers/support/builders.ts'
import { DEFAULT_RULES } from '../config/support/default-rules.ts'
import { ANYBODY } from '../support/anybody.ts'
import { type Request, ScriptedRequest } from '../support/scripted-request.ts'
import { leftovers, NOTHING, type RelayHarness, relayHarness } from './support/relay-harness.ts'

let house: RelayHarness
afterEach(() => assert.deepEqual(leftovers(house), NOTHING))

/** A relay whose admission keeps each call that it is asked for. `rules` can be replaced between two calls. */
function open() {
  const asked: Call[] = []
  const inForce: { rules: readonly ClassRule[] } = { rules: DEFAULT_RULES }
  const admission: Admission = {
    acquire(call, now) {
      asked.push(call)
      return house.admission.acquire(call, now)
    },
  }
  house = relayHarness({ parallel: 9, admission, classFrom: () => inForce.rules })
  return { ...house, asked, inForce }
}

function requesterOf(changes: Partial<Key>, user?: string): Requester {
  const key = aKey('alice', changes)
  return { caller: { id: key.name, key, limits: key.limits }, user, withheld: undefined }
}

/** The path of a call of each dialect, and what its body has beside the model. */
const DIALECTS = [
  ['/api/chat', '"messages":[{}]'],
  ['/v1/chat/completions', '"messages":[{}]'],
  ['/v1/messages', '"messages":[{}],"max_tokens":9'],
] as const

/** A call from its arrival to its end. Returns what admission, the log and the live queue were told of it. */
async function whole(opened: ReturnType<typeof open>, request: Request, requester: Requester = ANYBODY) {
  const client = new ScriptedRequest(request)
  const answer = opened.relay.gated(client, request.target ?? '/api/chat', requester)
  await opened.settle()
  const [live] = opened.relay.live()
  client.forwarding?.begin().end()
  await answer
  const call = opened.asked.at(-1)
  return { class: call?.class, user: call?.user, live: live?.class, logged: opened.finished.at(-1)?.class }
}

const all = (name: string, user?: string) => ({ class: name, user, live: name, logged: name })

describe('the class of a call', () => {
  for (const [path, content] of DIALECTS) {
    it(`reaches admission, the live queue and the log from a header: ${path}`, async () => {
      const request = { target: path, body: `{"model":"llama2",${content}}` }
      const opened = open()
      assert.deepEqual(await whole(opened, request), all('normal'))
      const headers = { 'x-queue-class': 'batch' }
      assert.deepEqual(await whole(opened, { ...request, headers }), all('batch'))
    })

    it(`comes from service_tier where the API is that of OpenAI: ${path}`, async () => {
      const body = `{"model":"llama2",${content},"service_tier":"flex"}`
      const expected = path === '/v1/chat/completions' ? 'batch' : 'normal'
      assert.deepEqual(await whole(open(), { target: path, body }), all(expected))
    })
  }

  it('comes from a header rather than from service_tier, and from service_tier rather than from the key', async () => {
    const target = '/v1/chat/completions'
    const body = '{"model":"llama2","messages":[{}],"service_tier":"flex"}'
    const key = requesterOf({ class: 'interactive', maxClass: 'interactive' })
    const opened = open()
    assert.deepEqual(await whole(opened, { target, body }, key), all('batch'))
    const headers = { 'x-queue-priority': 'medium' }
    assert.deepEqual(await whole(opened, { target, body, headers }, key), all('normal'))
  })

  it('is at most the max_class of the key, and normal without a key', async () => {
    const body = '{"model":"llama2","messages":[{}]}'
    const headers = { 'x-queue-class': 'interactive' }
    const opened = open()
    assert.deepEqual(await whole(opened, { body, headers }), all('normal'))
    assert.deepEqual(await whole(opened, { body, headers }, requesterOf({ maxClass: 'batch' })), all('batch'))
    const most = requesterOf({ maxClass: 'interactive' })
    assert.deepEqual(await whole(opened, { body, headers }, most), all('interactive'))
  })

  it('comes with the person behind the key', async () => {
    const body = '{"model":"llama2","messages":[{}]}'
    const headers = { 'x-openwebui-task': 'title_generation' }
    const people = requesterOf({ users: 'open-webui' }, 'mia')
    assert.deepEqual(await whole(open(), { body, headers }, people), all('batch', 'mia'))
  })

  it('follows rules that a reload has changed, from the next call on', async () => {
    const body = '{"model":"llama2","messages":[{}]}'
    const headers = { 'x-queue-class': 'batch' }
    const opened = open()
    assert.deepEqual(await whole(opened, { body, headers }), all('batch'))
    opened.inForce.rules = []
    assert.deepEqual(await whole(opened, { body, headers }), all('normal'))
  })

  it('of a call whose body never came is that of its headers', async () => {
    const opened = open()
    const client = new ScriptedRequest({ headers: { 'x-queue-class': 'batch' } })
    const answer = opened.relay.gated(client, '/api/chat', ANYBODY)
    answer.catch(() => {})
    assert.equal([...opened.relay.live()][0]?.class, 'batch')
    opened.relay.close()
    await assert.rejects(answer)
    assert.deepEqual([opened.finished[0]?.class, opened.asked], ['batch', []])
  })
})
