import { flatHeader } from '../../relay/headers.ts'
import { PROBE_MOST_BYTES, PROBE_TIMEOUT_MS, type ProbeAnswer } from '../../upstream/probe.ts'
import type { AnswerSink, UpstreamConnection } from './connection.ts'

/** One request for Ollama's version, on a connection that calls use, too. Settled once. */
export class Probe implements AnswerSink {
  connection: UpstreamConnection | undefined
  readonly #resolve: (answer: ProbeAnswer) => void
  readonly #reject: (reason: Error) => void
  readonly #timeout: NodeJS.Timeout
  readonly #parts: Uint8Array[] = []
  #status = 0
  #location: string | undefined
  #size = 0

  constructor(resolve: (answer: ProbeAnswer) => void, reject: (reason: Error) => void) {
    this.#resolve = resolve
    this.#reject = reject
    this.#timeout = setTimeout(() => {
      this.connection?.cut()
      this.failed(new DOMException(`no answer within ${PROBE_TIMEOUT_MS} ms`, 'TimeoutError'))
    }, PROBE_TIMEOUT_MS)
  }

  head(status: number, _statusText: string, headers: string[]): void {
    this.#status = status
    this.#location = flatHeader(headers, 'location')
    // The body of any other status is not read.
    if (status !== 200) this.#cut()
  }

  data(part: Uint8Array): void {
    this.#parts.push(part)
    this.#size += part.length
    if (this.#size >= PROBE_MOST_BYTES) this.#cut()
  }

  end(): void {
    clearTimeout(this.#timeout)
    this.#resolve({
      status: this.#status,
      location: this.#location,
      body: Buffer.concat(this.#parts).toString(),
    })
  }

  failed(error: Error): void {
    clearTimeout(this.#timeout)
    this.#reject(error)
  }

  #cut(): void {
    this.connection?.cut()
    this.end()
  }
}
