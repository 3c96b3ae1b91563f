import { checkAccess } from './access.ts'
import type { ErrorFormat } from './answer-format.ts'
import { anthropicError } from './anthropic-format.ts'
import * as blobs from './blob-routes.ts'
import { reset, restart, setFaults, setHangs, setLoadFaults, state } from './control.ts'
import { create } from './create-route.ts'
import type { HttpExchange } from './http-exchange.ts'
import * as images from './image-routes.ts'
import * as library from './library-routes.ts'
import { nativeError } from './native-format.ts'
import * as native from './native-routes.ts'
import { openaiError } from './openai-format.ts'
import { pull } from './pull-route.ts'
import type { Handler, SimulatedOllama } from './simulated-ollama.ts'
import * as v1 from './v1-routes.ts'
import { RUNNER_DIED, WireError } from './wire-error.ts'

type Methods = Readonly<Partial<Record<string, Handler>>>

/** A 405 lists the methods in this order. */
const ROUTES: Readonly<Record<string, Methods>> = {
  '/': { HEAD: library.root, GET: library.root },
  '/api/version': { HEAD: library.version, GET: library.version },
  '/api/tags': { HEAD: library.tags, GET: library.tags },
  '/api/show': { POST: library.show },
  '/api/ps': { GET: library.running },
  '/api/pull': { POST: pull },
  '/api/create': { POST: create },
  '/api/copy': { POST: library.copy },
  '/api/delete': { DELETE: library.remove },
  '/api/blobs/:digest': { HEAD: blobs.head, POST: blobs.post },
  '/v1/models': { GET: library.listV1 },
  '/v1/models/:model': { GET: library.retrieveV1 },
}

const CALLS: Readonly<Record<string, Methods>> = {
  '/api/generate': { POST: native.generate },
  '/api/chat': { POST: native.chat },
  '/api/embed': { POST: native.embed },
  '/api/embeddings': { POST: native.embeddings },
  '/v1/chat/completions': { POST: v1.chatCompletions },
  '/v1/completions': { POST: v1.completions },
  '/v1/embeddings': { POST: v1.embeddingsV1 },
  '/v1/responses': { POST: v1.responses },
  '/v1/messages': { POST: v1.messages },
  '/v1/audio/transcriptions': { POST: v1.transcriptions },
  '/v1/images/generations': { POST: images.generations },
  '/v1/images/edits': { POST: images.edits },
}

/** The simulator's own routes. Faults and the CORS and Host checks do not apply to them. */
const CONTROL: Readonly<Record<string, Methods>> = {
  '/_sim/state': { GET: state },
  '/_sim/faults': { POST: setFaults },
  '/_sim/load-faults': { POST: setLoadFaults },
  '/_sim/hangs': { POST: setHangs },
  '/_sim/reset': { POST: reset },
  '/_sim/restart': { POST: restart },
}

/** Answers one request, also when its handler throws. */
export async function handle(exchange: HttpExchange, ollama: SimulatedOllama): Promise<void> {
  const errorFormat = errorFormatOf(exchange.path, ollama)
  try {
    await route(exchange, ollama)
  } catch (error) {
    // As gin does after a panic: a 500 with an empty body.
    if (!(error instanceof WireError)) return exchange.answer(500, undefined, '')
    const { type, text } = errorFormat(error)
    exchange.answer(error.status, type, text)
  }
}

async function route(exchange: HttpExchange, ollama: SimulatedOllama): Promise<void> {
  const { method, path } = exchange
  const control = CONTROL[path]
  if (control) return dispatch(exchange, ollama, control)

  const isCall = CALLS[path] !== undefined
  if (ollama.faults.take('refuse', isCall)) return exchange.refuse()
  // For a call, runJob applies these two faults, after it has counted the call as on the wire of its model.
  if (!isCall && ollama.faults.take('stall', false)) return
  if (!isCall && ollama.faults.take('fail', false)) throw new WireError(500, RUNNER_DIED)

  const { request } = exchange
  const verdict = checkAccess({
    method,
    host: request.headers.host ?? '',
    origin: request.headers.origin,
    onLoopback: isLoopback(request.socket.localAddress ?? ''),
  })
  for (const [name, value] of Object.entries(verdict.headers)) exchange.header(name, value)
  if (verdict.status !== 'continue') return exchange.answer(verdict.status, undefined, '')

  const methods = methodsOf(path)
  if (methods) return dispatch(exchange, ollama, methods)
  const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`
  if (path !== '/' && methodsOf(other)?.[method]) return redirect(exchange, other)
  exchange.answer(404, 'text/plain', '404 page not found')
}

async function dispatch(exchange: HttpExchange, ollama: SimulatedOllama, methods: Methods): Promise<void> {
  const handler = methods[exchange.method]
  if (handler) return handler(exchange, ollama)
  exchange.header('Allow', Object.keys(methods).join(', '))
  exchange.answer(405, 'text/plain', '405 method not allowed')
}

function methodsOf(path: string): Methods | undefined {
  if (/^\/api\/blobs\/[^/]+$/.test(path)) return ROUTES['/api/blobs/:digest']
  if (/^\/v1\/models\/[^/]+$/.test(path)) return ROUTES['/v1/models/:model']
  return ROUTES[path] ?? CALLS[path]
}

function redirect(exchange: HttpExchange, path: string): void {
  const query = /\?.*$/.exec(exchange.request.url ?? '')?.[0] ?? ''
  exchange.header('Location', `${path}${query}`)
  const isGet = exchange.method === 'GET'
  const body = isGet ? `<a href="${path}${query}">Moved Permanently</a>.\n\n` : ''
  exchange.answer(isGet ? 301 : 307, isGet ? 'text/html; charset=utf-8' : undefined, body)
}

function errorFormatOf(path: string, ollama: SimulatedOllama): ErrorFormat {
  if (path === '/v1/messages') return anthropicError(() => ollama.ids.hex())
  return path.startsWith('/v1/') ? openaiError : nativeError
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}
