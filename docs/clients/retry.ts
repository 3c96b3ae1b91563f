/**
 * Asks a model through the proxy and comes back when it is refused. Needs nothing but Node; `post` and `lines` are
 * made to be copied.
 *
 *     node --import tsx docs/clients/retry.ts "why is the sky blue"
 */
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

/** The key of the caller, where the operator hands out keys. */
const { OLLAMA_API_KEY } = process.env

const WORTH_ANOTHER_TRY: ReadonlySet<number> = new Set([502, 503, 504])

export interface Retry {
  /** The attempt that failed; 1 is the first. */
  readonly attempt: number
  readonly waitMs: number
  readonly reason: string
}

export interface Patience {
  /** Attempts in all, the first included. Default 5. */
  readonly tries?: number
  /** The first back-off is at most this long, every later one at most twice the one before. Default 500. */
  readonly baseMs?: number
  /** No back-off of our own is longer. Default 30 000. */
  readonly longestMs?: number
  /** No wait is begun that would end later than this after the first attempt. Default 120 000. */
  readonly totalMs?: number
  readonly signal?: AbortSignal
  /** Told before each wait. */
  readonly onRetry?: (retry: Retry) => void
}

/** The last failure of a call. `status`: 0 when the connection was refused. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
  readonly status: number
  readonly retryable: boolean
  /** What the server asked us to wait at least. */
  readonly askedMs: number

  constructor(message: string, status: number, retryable: boolean, askedMs: number) {
    super(message)
    this.status = status
    this.retryable = retryable
    this.askedMs = askedMs
  }
}

/**
 * Posts JSON until the answer is a 2xx, whose body is still unread then: nothing is repeated once it has begun.
 * Throws CallFailed when patience is at its end or another try is of no use, and whatever else `fetch` throws as it is.
 * Node's own `fetch` waits 300 s for an answer to begin: the proxy's request_timeout has to be shorter.
 */
export async function post(url: string, body: unknown, patience: Patience = {}): Promise<Response> {
  const { tries = 5, baseMs = 500, longestMs = 30_000, totalMs = 120_000, signal, onRetry } = patience
  const startedAt = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(url, body, signal)
    } catch (error) {
      if (!(error instanceof CallFailed) || !error.retryable || attempt >= tries) throw error
      // Full jitter: clients that were refused together do not come back together.
      const backoffMs = Math.random() * Math.min(longestMs, baseMs * 2 ** (attempt - 1))
      const waitMs = Math.ceil(Math.max(error.askedMs, backoffMs))
      if (performance.now() - startedAt + waitMs > totalMs) throw error
      onRetry?.({ attempt, waitMs, reason: error.message })
      await pause(waitMs, undefined, signal && { signal })
    }
  }
}

async function send(url: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(OLLAMA_API_KEY && { authorization: `Bearer ${OLLAMA_API_KEY}` }),
      },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })
  } catch (error) {
    // Only a refused connection is sure not to have brought the call to anybody.
    if (codeOf(error) !== 'ECONNREFUSED') throw error
    throw new CallFailed(`nobody listens at ${url}`, 0, true, 0)
  }
  if (response.ok) return response
  const { status, headers } = response
  const retryable = WORTH_ANOTHER_TRY.has(status) && headers.get('x-should-retry') !== 'false'
  throw new CallFailed(
    `${status} ${describe(await response.text())}`,
    status,
    retryable,
    askedWaitMs(headers),
  )
}

/** Milliseconds that the headers ask for: the longest of all they say, 0 when they say nothing that can be read. */
export function askedWaitMs(headers: Headers, now = Date.now()): number {
  const exact = headers.get('retry-after-ms') ?? ''
  const after = headers.get('retry-after') ?? ''
  const asked = [Number(exact), /^[\d.]+$/.test(after) ? Number(after) * 1_000 : Date.parse(after) - now]
  return Math.max(0, ...asked.filter((ms) => !Number.isNaN(ms)))
}

function codeOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

function describe(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return error
  } catch {
    // A program between us and the proxy may answer in words of its own.
  }
  return text.slice(0, 200)
}

/** The parsed lines of an NDJSON body, each as soon as it is there. */
export async function* lines(response: Response): AsyncGenerator<unknown> {
  if (!response.body) return
  let rest = ''
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part !== '') yield parse(part)
  }
  if (rest !== '') yield parse(rest)
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new Error('the answer broke off in the middle of a line', { cause })
  }
}

export interface Question {
  /** Of the proxy, without a path. */
  readonly url: string
  readonly model: string
  readonly prompt: string
}

/** The pieces of a model's answer. Throws when it breaks off, and does not ask again: a part has been read already. */
export async function* generate(
  { url, model, prompt }: Question,
  patience?: Patience,
): AsyncGenerator<string> {
  const response = await post(`${url}/api/generate`, { model, prompt }, patience)
  for await (const line of lines(response)) {
    const { error, response: text, done } = line as { error?: string; response?: string; done?: boolean }
    if (error !== undefined) throw new Error(error)
    if (text) yield text
    if (done) return
  }
  throw new Error('the answer ended before it was complete')
}

const USAGE = 'retry.ts [--url URL] [--model NAME] [--tries N] [--base-ms MS] [--total-ms MS] PROMPT'

function readCommandLine(args: string[]): { question: Question; patience: Patience } {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { url: text, model: text, tries: text, 'base-ms': text, 'total-ms': text },
  })
  const [prompt, ...surplus] = positionals
  if (prompt === undefined || surplus.length > 0) throw new TypeError('one prompt is needed')
  const number = (name: 'tries' | 'base-ms' | 'total-ms', standard: number) => {
    const value = values[name] ?? String(standard)
    if (!/^\d+$/.test(value)) throw new TypeError(`--${name} must be a whole number`)
    return Number(value)
  }
  const { url = 'http://127.0.0.1:8080', model = 'llama3.2' } = values
  return {
    question: { url: url.replace(/\/+$/, ''), model, prompt },
    patience: {
      tries: number('tries', 5),
      baseMs: number('base-ms', 500),
      totalMs: number('total-ms', 120_000),
      onRetry: ({ attempt, waitMs, reason }) =>
        void process.stderr.write(`attempt ${attempt}: ${reason} Again in ${waitMs / 1_000} s.\n`),
    },
  }
}

/** Exit code: 0 answered, 1 not answered, 2 wrong use. */
async function main(): Promise<number> {
  let asked: ReturnType<typeof readCommandLine>
  try {
    asked = readCommandLine(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\nusage: ${USAGE}\n`)
    return 2
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  try {
    for await (const piece of generate(asked.question, { ...asked.patience, signal: stop.signal }))
      process.stdout.write(piece)
    process.stdout.write('\n')
    return 0
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : { message: String(error) }
    // What fetch throws says only "fetch failed"; its cause says why.
    const why = error instanceof TypeError && cause instanceof Error ? ` (${cause.message})` : ''
    process.stderr.write(`${message}${why}\n`)
    return 1
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main()
}
