import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Clock } from '../../clock.ts'
import { reasonOf } from '../top/get.ts'
import { AnswerReader, formatOf } from './answer-reader.ts'
import { type Outcome, refusalName } from './outcome.ts'

/** What is kept of an error answer. */
const LONGEST_REFUSAL = 64 * 1_024

export interface Sending {
  readonly body: string
  /** On the clock: when the call was due. */
  readonly dueAt: number
  /** Told of the milliseconds between two pieces of a stream. */
  readonly onGap: (ms: number) => void
}

export interface OpenCall {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>
  /** Ends the call as `aborted`; too late, it does nothing. */
  readonly abort: () => void
}

export interface SenderParts {
  readonly clock: Clock
  /** Whole address, with the route. */
  readonly url: URL
  /** Milliseconds from when a call was due to its last byte. */
  readonly timeoutMs: number
  /** Answers come in one piece, whatever their type says: Ollama calls that of an image NDJSON. */
  readonly whole?: boolean
}

/** Posts calls to one address over kept connections, as many at once as it is asked for. */
export class Sender {
  readonly #parts: SenderParts
  readonly #agent: HttpAgent
  readonly #request: typeof httpRequest

  constructor(parts: SenderParts) {
    const secure = parts.url.protocol === 'https:'
    this.#parts = parts
    this.#agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
    this.#request = secure ? httpsRequest : httpRequest
  }

  send({ body, dueAt, onGap }: Sending): OpenCall {
    const { clock, url, timeoutMs, whole = false } = this.#parts
    const length = Buffer.byteLength(body)
    const request = this.#request(url, {
      method: 'POST',
      agent: this.#agent,
      headers: { 'content-type': 'application/json', 'content-length': length },
    })
    let settle: (outcome: Outcome) => void = () => {}
    const outcome = new Promise<Outcome>((resolve) => {
      const cancelTimeout = clock.after(dueAt + timeoutMs - clock.now(), () => settle({ kind: 'timed_out' }))
      settle = (found) => {
        settle = () => {}
        cancelTimeout()
        resolve(found)
        // The connection of a whole answer is used again; what is still under way is cut.
        if (found.kind !== 'answered' && found.kind !== 'refused') request.destroy()
      }
    })
    const told = (found: Outcome) => settle(found)
    const fail = (why: string) => told({ kind: 'failed', why })
    request.on('error', (error) => fail(reasonOf(error)))
    // Nobody asked for another protocol; unheard, this would be neither an error nor an answer.
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      fail('server switched protocols')
    })
    request.on('response', (response) => {
      const elapsed = () => clock.now() - dueAt
      response.on('error', (error) => fail(`answer broken off: ${reasonOf(error)}`))
      response.on('close', () => fail('answer broken off'))
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) readAnswer(response, { clock, elapsed, onGap, whole, settle: told })
      else readRefusal(response, status, elapsed, told)
    })
    request.end(body)
    return { outcome, abort: () => settle({ kind: 'aborted' }) }
  }

  /** Ends the connections that are kept. */
  close(): void {
    this.#agent.destroy()
  }
}

interface Told {
  readonly clock: Clock
  readonly elapsed: () => number
  readonly onGap: (ms: number) => void
  readonly whole: boolean
  readonly settle: (outcome: Outcome) => void
}

function readAnswer(response: IncomingMessage, { clock, elapsed, onGap, whole, settle }: Told): void {
  let firstByteMs: number | undefined
  let lastPieceAt: number | undefined
  const reader = new AnswerReader(whole ? 'whole' : formatOf(response.headers['content-type']), () => {
    const now = clock.now()
    if (lastPieceAt !== undefined) onGap(now - lastPieceAt)
    lastPieceAt = now
  })
  response.on('data', (chunk: Buffer) => {
    firstByteMs ??= elapsed()
    reader.take(chunk)
  })
  response.on('end', () => {
    const totalMs = elapsed()
    const { flaw, tokens } = reader.end()
    settle(
      flaw === undefined
        ? { kind: 'answered', firstByteMs: firstByteMs ?? totalMs, totalMs, tokens }
        : { kind: 'failed', why: flaw },
    )
  })
}

function readRefusal(
  response: IncomingMessage,
  status: number,
  elapsed: () => number,
  settle: (outcome: Outcome) => void,
): void {
  let body = ''
  response.on('data', (chunk: Buffer) => {
    if (body.length < LONGEST_REFUSAL) body += chunk.toString('utf8')
  })
  response.on('end', () => settle({ kind: 'refused', why: refusalName(status, body), totalMs: elapsed() }))
}
