import assert from 'node:assert/strict'
import { after, afterEach, before } from 'node:test'
import { type AnswerHead, Description } from './description.ts'
import { proxyPorts } from './pair.ts'
import { isWhole, parseAnswer } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'

/**
 * Holds every answer that a client of the suite gets from a proxy against docs/openapi.yaml. The SDKs use the fetch of
 * the process, so that is the one place where all of them are seen.
 */
export function watchAnswers(): void {
  const watch = new AnswerWatch(new Description())
  const { fetch } = globalThis
  before(() => {
    globalThis.fetch = async (input, init) => watch.fetched(await fetch(input, init), input, init)
    RawCall.onClose = (call) => watch.closed(call)
  })
  afterEach(async () => assert.deepEqual(await watch.takeProblems(), []))
  after(() => {
    globalThis.fetch = fetch
    RawCall.onClose = () => {}
    assert.ok(watch.looked > 0, 'no answer was looked at')
  })
}

class AnswerWatch {
  readonly #description: Description
  #problems: string[] = []
  #looked = 0
  /** Bodies that are still being read. */
  readonly #reading = new Set<Promise<void>>()

  constructor(description: Description) {
    this.#description = description
  }

  /** How many answers were held against the description. */
  get looked(): number {
    return this.#looked
  }

  /** Resolves when all answers so far are looked at. */
  async takeProblems(): Promise<readonly string[]> {
    await Promise.all(this.#reading)
    const problems = this.#problems
    this.#problems = []
    return problems
  }

  /** The response for its reader. A copy of the body is looked at, so that neither waits for the other. */
  fetched(response: Response, input: string | URL | Request, init: RequestInit | undefined): Response {
    const request = input instanceof Request ? input : undefined
    const url = new URL(response.url || (request?.url ?? String(input)))
    if (!proxyPorts.has(Number(url.port))) return response
    const head = {
      method: (init?.method ?? request?.method ?? 'GET').toUpperCase(),
      path: decoded(url.pathname),
      status: response.status,
      header: (name: string) => response.headers.get(name),
    }
    if (!this.#description.isOurs(head)) return response
    if (head.header('content-type') === 'text/event-stream') {
      this.#look(head, undefined)
      return this.#listening(response, head.path)
    }
    const reading = this.#read(response.clone(), head, init?.body).finally(() =>
      this.#reading.delete(reading),
    )
    this.#reading.add(reading)
    return response
  }

  /** The answer that came on a connection, where there is one alone. */
  closed({ port, received, sent }: RawCall): void {
    const [, method = '', target = ''] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r\n/.exec(sent) ?? []
    if (!proxyPorts.has(port) || method === '') return
    const answered = received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
    const { headers, status } = parseAnswer(answered.slice(0, answered.indexOf('\r\n\r\n') + 4))
    const named = new Headers(headers.map(([name, value]) => [name, value]))
    // The server of local workerd compresses answers for clients that offer it.
    if (named.has('content-encoding')) return
    const head = {
      method,
      path: decoded(pathOf(target)),
      status,
      header: (name: string) => named.get(name),
    }
    if (!this.#description.isOurs(head) || !isWhole(answered, method === 'HEAD')) return
    const isOne = answered.match(/HTTP\/1\.[01] \d{3} /g)?.length === 1
    if (isOne) this.#look(head, Buffer.from(parseAnswer(answered).body, 'latin1').toString())
  }

  async #read(copy: Response, head: AnswerHead, sent: RequestInit['body']): Promise<void> {
    let body: string
    try {
      body = await copy.text()
    } catch {
      // The client or the proxy left in the middle of the answer.
      return
    }
    this.#look(head, body)
    if (head.status < 300 && typeof sent === 'string')
      this.#note(head, this.#description.problemsOfRequest(head.method, head.path, sent))
  }

  /** The response, whose events are looked at as they pass. */
  #listening(response: Response, path: string): Response {
    const decoder = new TextDecoder()
    let text = ''
    const tap = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, passing) => {
        passing.enqueue(chunk)
        text += decoder.decode(chunk, { stream: true })
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) this.#event(path, event)
      },
    })
    return new Response(response.body?.pipeThrough(tap), response)
  }

  #event(path: string, event: string): void {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? []
    if (name === undefined || data === undefined) return
    const head = { method: 'event', path: `${path} ${name}`, status: 200 }
    this.#note(head, this.#description.problemsOfEvent(path, name, data))
  }

  #look(head: AnswerHead, body: string | undefined): void {
    this.#looked++
    this.#note(head, this.#description.problemsOf(head, body))
  }

  #note({ method, path, status }: Omit<AnswerHead, 'header'>, problems: readonly string[]): void {
    for (const problem of problems) this.#problems.push(`${method} ${path} ${status}: ${problem}`)
  }
}

/** Of a request target in any of its forms, without the query. */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/]*/, '').replace(/\?.*$/, '')
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
