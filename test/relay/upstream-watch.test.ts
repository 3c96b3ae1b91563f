import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ANYBODY } from '../support/anybody.ts'
import { ScriptedRequest } from '../support/scripted-request.ts'
import { relayHarness } from './support/relay-harness.ts'

const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

it('a call that finds nobody is told once, with the time at which it was sent, and its record says why', async () => {
  const { call, clock, settle, answers, failedFrom, finished } = relayHarness()
  const first = await call()
  const second = await call()
  clock.advance(700)
  first.client.forwarding?.begin().end()
  await settle()
  clock.advance(50)
  second.client.forwarding?.break(REFUSED)
  assert.equal(await second.result, 'upstream_error')
  assert.deepEqual([answers, failedFrom], [[true, false], [700]])
  assert.deepEqual(
    finished.map(({ outcome, cause }) => [outcome, cause]),
    [
      ['done', null],
      ['failed', 'ECONNREFUSED'],
    ],
  )
})

it('a break after the first byte is in the record, but says nothing of whether Ollama answers', async () => {
  const { call, answers, finished } = relayHarness()
  const { client, result } = await call()
  client.forwarding?.begin().send('x').break(REFUSED)
  assert.equal(await result, '200')
  assert.deepEqual(answers, [true])
  assert.equal(finished[0]?.cause, 'ECONNREFUSED')
})

it('what passes through tells the same', async () => {
  const { relay, clock, failedFrom } = relayHarness()
  clock.advance(300)
  const client = new ScriptedRequest({ target: '/api/tags' })
  const answer = relay.passThrough(client, ANYBODY)
  clock.advance(100)
  client.forwarding?.break(REFUSED)
  await assert.rejects(answer, { code: 'upstream_error' })
  assert.deepEqual(failedFrom, [300])
})
