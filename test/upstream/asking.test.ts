import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ReplyBody, type UpstreamQuestion } from '../../src/upstream/asking.ts'

const question = (mostBytes: number): UpstreamQuestion => ({
  method: 'GET',
  path: '/',
  mostBytes,
  timeoutMs: 1,
})
const bytes = (text: string) => new TextEncoder().encode(text)

it('puts a letter together whose bytes come in two parts', () => {
  const body = new ReplyBody(question(10))
  for (const byte of bytes('h\u00e9!')) body.add(Uint8Array.of(byte))
  assert.deepEqual(body.reply(200, undefined), {
    status: 200,
    location: undefined,
    body: 'h\u00e9!',
    whole: true,
  })
})

it('wants no more once a byte has no room, whatever comes', () => {
  const body = new ReplyBody(question(3))
  const taken = ['ab', 'c', 'd', '', 'e'].map((part) => body.add(bytes(part)))
  assert.deepEqual(taken, [true, true, false, false, false])
  const { body: text, whole } = body.reply(200, undefined)
  assert.deepEqual([text, whole], ['abc', false])
})
