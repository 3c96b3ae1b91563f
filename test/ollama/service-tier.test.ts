import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GATED_PATHS, gatedRoute } from '../../src/ollama/routes.ts'
import { read } from './support/read-call.ts'

const tierOf = async (fields: string, path = '/v1/chat/completions') =>
  (await read(path, { body: `{"model":"llama2",${fields}}` })).serviceTier

describe('service_tier', () => {
  it('is read on the JSON routes of OpenAI and on no other', async () => {
    for (const path of GATED_PATHS) {
      const route = gatedRoute(path)
      const expected = route?.dialect === 'openai' && route.modelIn !== 'form' ? 'flex' : undefined
      const body = '{"model":"llama2","service_tier":"flex"}'
      assert.equal((await read(path, { body })).serviceTier, expected, path)
    }
  })

  it('is the last value of exactly this key, wherever it stands, and no value further inside', async () => {
    const cases: readonly (readonly [string, string | undefined])[] = [
      ['"messages":[]', undefined],
      ['"messages":[{"service_tier":"flex"}]', undefined],
      ['"service_tier":"flex","messages":[{"content":"\\"service_tier\\":\\"priority\\""}]', 'flex'],
      ['"service_tier":"flex","service_tier":"priority"', 'priority'],
      ['"service_tier":"flex","service_tier":null', undefined],
      ['"service_tier":"flex","service_tier":5', undefined],
      ['"Service_Tier":"flex"', undefined],
      ['"service_tier":"priority","SERVICE_TIER":"flex"', 'priority'],
      ['"\u017fervice_tier":"flex"', undefined],
      ['"service\\u005ftier":"flex"', 'flex'],
      ['"service_tier ":"flex"', undefined],
      ['"service_tier":{"a":"flex"}', undefined],
      [`"service_tier":"${'x'.repeat(100_000)}"`, undefined],
    ]
    for (const [fields, expected] of cases) assert.equal(await tierOf(fields), expected, fields.slice(0, 80))
  })
})
