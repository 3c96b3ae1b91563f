import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NodeUpstream } from '../../../src/runtimes/node/upstream.ts'
import { Catalog } from '../../../src/upstream/catalog.ts'
import { aSimulator, post } from '../../simulator/support.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { describeAsking } from '../support/asking.ts'

describeAsking('Node', (ollamaUrl, credentials) => {
  const upstream = new NodeUpstream('ollama', ollamaUrl, credentials)
  return { upstream, close: () => upstream.destroy() }
})

describe('the catalog in front of the simulator', () => {
  it('knows a copy, its weights, and that it left', async (t) => {
    const { url } = await aSimulator(t, { models: ['llama3.2', 'all-minilm'] })
    const upstream = new NodeUpstream('ollama', url, undefined)
    const clock = new ManualClock()
    const catalog = new Catalog({ clock, ask: (question) => upstream.ask(question) })
    t.after(() => {
      catalog.stop()
      return upstream.destroy()
    })
    const weightsOf = (key: string) => catalog.models?.get(key)?.weights
    await catalog.refresh()
    assert.deepEqual([...(catalog.models?.keys() ?? [])].sort(), ['all-minilm', 'llama3.2'])
    assert.deepEqual(catalog.models?.get('all-minilm')?.capabilities, ['embedding'])
    await until('the weights are known', () => weightsOf('llama3.2') !== undefined)
    assert.match(weightsOf('llama3.2') ?? '', /^sha256-[0-9a-f]{64}$/)

    await post(`${url}/api/copy`, { source: 'llama3.2', destination: 'Support' })
    clock.advance(1_000)
    await catalog.refresh()
    assert.equal(weightsOf('support'), weightsOf('llama3.2'))
    assert.notEqual(weightsOf('support'), undefined)

    await post(`${url}/api/delete`, { model: 'support' }, { method: 'DELETE' })
    clock.advance(1_000)
    await catalog.refresh()
    assert.equal(catalog.models?.has('support'), false)
  })
})
