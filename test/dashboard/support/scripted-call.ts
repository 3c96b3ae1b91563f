import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Hono } from 'hono'
import { readDashboard } from '../../../src/runtimes/process/dashboard-files.ts'

/** The answer to the next question about the call. */
type Script = (response: ServerResponse, request: IncomingMessage) => void

/** A path of its own, under which another proxy may serve ours. */
const PREFIX = /^\/ai(?=\/)/

/** Serves the real page of a call, and what a test says about the call: also what a real proxy says seldom. */
export class ScriptedCall {
  readonly url: string
  /** Questions about the call so far, each as `stream` or `once`. */
  readonly asked: string[] = []
  script: Script
  readonly #server: Server

  private constructor(server: Server, script: Script) {
    this.#server = server
    this.script = script
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(script: Script): Promise<ScriptedCall> {
    const dashboard = readDashboard()
    const app = new Hono().get('/dashboard/*', dashboard).get('/queue/ticket/:id', dashboard)
    const server = createServer(async (request, response) => {
      const path = request.url?.replace(PREFIX, '')
      if (path?.startsWith('/queue/requests/')) {
        call.asked.push(request.headers.accept === 'text/event-stream' ? 'stream' : 'once')
        call.script(response, request)
        return
      }
      const answer = await app.fetch(new Request(`http://localhost${path}`))
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(Buffer.from(await answer.arrayBuffer()))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const call = new ScriptedCall(server, script)
    return call
  }

  /** Breaks all connections. */
  hangUp(): void {
    this.#server.closeAllConnections()
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** Begins a stream with these calls, and leaves it open. */
export function streamOf(...calls: readonly object[]): Script {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('retry: 2000\n\n')
    for (const call of calls) tell(response, call)
  }
}

export function tell(response: ServerResponse, call: object): void {
  response.write(`event: request\ndata: ${JSON.stringify(call)}\n\n`)
}

/** Answers with JSON. */
export function json(status: number, body: object): Script {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
}
