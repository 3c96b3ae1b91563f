import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

/** What a path answers: a body with status 200, or all of it by hand. */
export type Script = Record<string, unknown>

export interface ScriptedProxy {
  readonly url: string
  readonly port: number
  /** May be changed at any time. */
  readonly pages: Script
  close(): void
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** A server on this machine whose pages are those given; others are 404 as the proxy says it. */
export async function scriptedProxy(pages: Script, port = 0): Promise<ScriptedProxy> {
  const server = createServer((request, response) => {
    const page = pages[request.url ?? '']
    if (typeof page === 'function') page(response)
    else if (page === undefined) answerJson(response, 404, { error: 'not_found', message: '' })
    else answerJson(response, 200, page)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    pages,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
