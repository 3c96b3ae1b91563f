import { until } from '../support/until.ts'
import type { Gaps } from './gaps.ts'
import { RawCall } from './raw-call.ts'

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly statusLine: string
  readonly status: number
  /** Names as they were spelled, in the order in which they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Latin-1, out of its chunks. */
  readonly body: string
  /** One entry for each HTTP chunk; empty for an answer that has none. */
  readonly chunks: readonly string[]
}

/** Sends one request as it stands, reads its answer and leaves. */
export async function ask(port: number, request: string): Promise<RawAnswer> {
  const call = new RawCall(port)
  call.send(request)
  const isHead = request.startsWith('HEAD ')
  await until('the answer is over', () => call.closed || isWhole(call.received, isHead), 15_000)
  call.leave('fin')
  return parseAnswer(call.received)
}

/** Whether the answer has come to the end that its head announces; one that announces none ends with its connection. */
export function isWhole(received: string, isHead: boolean): boolean {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  if (isHead || /^HTTP\/1\.[01] (?:204|304) /.test(received)) return true
  const head = received.slice(0, headEnd + 2)
  if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) return received.endsWith('\r\n0\r\n\r\n')
  const [, length] = /\r\ncontent-length: *(\d+)\r\n/i.exec(head) ?? []
  return length !== undefined && received.length >= headEnd + 4 + Number(length)
}

export function parseAnswer(received: string): RawAnswer {
  const headEnd = received.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = received.slice(0, headEnd).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const rest = received.slice(headEnd + 4)
  const framed = headers.some(([name, value]) => /^transfer-encoding$/i.test(name) && value === 'chunked')
  const chunks = framed ? chunksOf(rest) : []
  const body = framed ? chunks.join('') : rest
  return { statusLine, status: Number(statusLine.split(' ')[1] ?? 0), headers, body, chunks }
}

/**
 * The headers that a proxy has to leave alone, for comparison, without what it says of itself; an announced length as whether it is kept. Where
 * `headerLines` is a gap, as a Headers object has them.
 */
export function endToEnd(answer: RawAnswer, { headerLines }: Gaps = {}): string[] {
  const kept = answer.headers.filter(
    ([name]) =>
      !/^(?:date|connection|keep-alive|transfer-encoding|x-request-id|x-queue-wait-ms|server-timing|x-accel-buffering|access-control-expose-headers)$/i.test(
        name,
      ),
  )
  return (headerLines ? [...new Headers(kept.map(([name, value]) => [name, value]))] : kept)
    .map(([name, value]) =>
      // Two time stamps need not be equally long.
      Number(value) === answer.body.length ? `${name}: as long as the body` : `${name}: ${value}`,
    )
    .sort()
}

function chunksOf(framed: string): string[] {
  const chunks: string[] = []
  for (let at = 0; ; ) {
    const lineEnd = framed.indexOf('\r\n', at)
    const size = Number.parseInt(framed.slice(at, lineEnd), 16)
    if (lineEnd < 0 || !(size > 0)) return chunks
    chunks.push(framed.slice(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}
