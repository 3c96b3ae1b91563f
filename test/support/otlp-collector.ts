import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type CollectedSpan, decodeTraces } from './otlp-decode.ts'

export interface Collector {
  readonly url: string
  /** Of all requests so far, those that were not answered included. */
  readonly spans: CollectedSpan[]
  readonly requests: { path: string | undefined; contentType: string | undefined; authorization?: string }[]
  /** Answers what waits, and all that comes. */
  release(): void
}

/** A real OTLP/HTTP endpoint on loopback. `hangs`: it takes requests and answers none until it is released. */
export async function aCollector(t: TestContext, { hangs = false, status = 200 } = {}): Promise<Collector> {
  const spans: CollectedSpan[] = []
  const requests: Collector['requests'] = []
  const waiting: ServerResponse[] = []
  let held = hangs
  const answer = (response: ServerResponse) => response.writeHead(status).end()
  const server = createServer(async (request, response) => {
    const { authorization } = request.headers
    requests.push({
      path: request.url,
      contentType: request.headers['content-type'],
      ...(authorization !== undefined && { authorization }),
    })
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    spans.push(...decodeTraces(Buffer.concat(parts)))
    if (held) waiting.push(response)
    else answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    requests,
    release() {
      held = false
      for (const response of waiting.splice(0)) answer(response)
    },
  }
}
