import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Attempt {
  /** When its head arrived here, and when the head of its answer did; both of performance.now(). */
  readonly askedAt: number
  readonly answeredAt: number
  readonly status: number
  /** Whole seconds of Retry-After; NaN without one. */
  readonly retryAfter: number
}

/** Stands between a client and a proxy, hands everything on as it is and notes when it came. */
export class Recorder {
  readonly attempts: Attempt[] = []
  readonly #server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing))
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const askedAt = performance.now()
    const { method, url, headers } = incoming
    const onward = request({ port: this.#port, host: '127.0.0.1', method, path: url, headers, agent: false })
    onward.on('response', (answer) => {
      const { statusCode: status = 0 } = answer
      const retryAfter = Number(answer.headers['retry-after'] ?? Number.NaN)
      this.attempts.push({ askedAt, answeredAt: performance.now(), status, retryAfter })
      outgoing.writeHead(status, answer.headers)
      answer.pipe(outgoing)
      answer.on('error', () => outgoing.destroy())
    })
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }
}
