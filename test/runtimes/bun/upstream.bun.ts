import { bunApi } from '../../../src/runtimes/bun/bun-api.ts'
import { BunUpstream } from '../../../src/runtimes/bun/upstream.ts'
import { describeAsking } from '../support/asking.ts'

describeAsking('Bun', (ollamaUrl, credentials) => {
  const upstream = new BunUpstream('ollama', ollamaUrl, bunApi(), credentials)
  return { upstream, close: () => upstream.destroy() }
})
