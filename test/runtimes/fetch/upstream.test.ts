import { FetchUpstream } from '../../../src/runtimes/fetch/upstream.ts'
import { describeAsking } from '../support/asking.ts'

describeAsking('fetch', (ollamaUrl, credentials) => ({
  upstream: new FetchUpstream('ollama', ollamaUrl, credentials, (url, init) => fetch(url, init)),
  close() {},
}))
