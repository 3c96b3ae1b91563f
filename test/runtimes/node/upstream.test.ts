import { NodeUpstream } from '../../../src/runtimes/node/upstream.ts'
import { describeAsking } from '../support/asking.ts'

describeAsking('Node', (ollamaUrl, credentials) => {
  const upstream = new NodeUpstream('ollama', ollamaUrl, credentials)
  return { upstream, close: () => upstream.destroy() }
})
