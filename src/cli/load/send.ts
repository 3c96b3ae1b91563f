import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Clock } from '../../clock.ts'
import { reasonOf } from '../top/get.ts'
import { AnswerReader, formatOf } from './answer-reader.ts'
import { type LoadOutcome, refusalName } from './outcome.ts'

/** Characters of an error answer that are kept. */
const LONGEST_REFUSAL = 64 * 1_024

export interface Sending {
  readonly body: string
  /** Clock time at which the call was due. */
  readonly dueAt: number
  /** Called with the milliseconds between two pieces of a stream. */
  readonly onGap: (ms: number) => void
}

export interface OpenCall {
  /** Never rejects. */
  readonly outcome: Promise<LoadOutcome>
  /** Ends the call as `aborted`. Does nothing after the outcome. */
  readonly abort: () => void
}

export interface SenderParts {
  readonly clock: Clock
  /** Complete address, with the route. */
  readonly url: URL
  /** Longest time from the moment a call was due to its last byte. */
  readonly timeoutMs: number
  /** Answers are read as one text, despite their Content-Type: Ollama's answer with an image says NDJSON. */
  readonly whole?: boolean
}

/** Posts calls to one address over kept connections. The caller limits how many are open at once. */
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
    let settle: (outcome: LoadOutcome) => void = () => {}
    const outcome = new Promise<LoadOutcome>((resolve) => {
      const cancelTimeout = clock.after(dueAt + timeoutMs - clock.now(), () => settle({ kind: 'timed_out' }))
      settle = (found) => {
        settle = () => {}
        cancelTimeout()
        resolve(found)
        // A connection with a complete answer is used again. Any other connection is closed.
        if (found.kind !== 'answered' && found.kind !== 'refused') request.destroy()
      }
    })
    const settleOnce = (found: LoadOutcome) => settle(found)
    const fail = (why: string) => settleOnce({ kind: 'failed', why })
    request.on('error', (error) => fail(reasonOf(error)))
    // Without this listener, a switch of protocols would be neither an error nor an answer.
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      fail('server switched protocols')
    })
    request.on('response', (response) => {
      const elapsed = () => clock.now() - dueAt
      response.on('error', (error) => fail(`answer broken off: ${reasonOf(error)}`))
      response.on('close', () => fail('answer broken off'))
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300)
        readAnswer(response, { clock, elapsed, onGap, whole, settle: settleOnce })
      else readRefusal(response, status, elapsed, settleOnce)
    })
    request.end(body)
    return { outcome, abort: () => settle({ kind: 'aborted' }) }
  }

  /** Closes the kept connections. */
  close(): void {
    this.#agent.destroy()
  }
}

interface AnswerParts {
  readonly clock: Clock
  readonly elapsed: () => number
  readonly onGap: (ms: number) => void
  readonly whole: boolean
  readonly settle: (outcome: LoadOutcome) => void
}

function readAnswer(response: IncomingMessage, { clock, elapsed, onGap, whole, settle }: AnswerParts): void {
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
  settle: (outcome: LoadOutcome) => void,
): void {
  let body = ''
  response.on('data', (chunk: Buffer) => {
    if (body.length < LONGEST_REFUSAL) body += chunk.toString('utf8')
  })
  response.on('end', () => settle({ kind: 'refused', why: refusalName(status, body), totalMs: elapsed() }))
}
