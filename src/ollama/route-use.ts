import { parseModelName } from './model-name.ts'
import { gatedRoute } from './routes.ts'

/** What a request asks of Ollama. open: what everybody may know. infer: a model runs. manage: something changes. */
export type RouteUse = 'open' | 'infer' | 'read' | 'manage'

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** That there is an Ollama, and which one. */
const OPEN: ReadonlySet<string> = new Set(['/', '/api/version'])

/** POST routes that change nothing and run no model. /v1/messages/count_tokens is a route of Ollama's desktop gateway. */
const READING_POSTS: ReadonlySet<string> = new Set(['/api/show', '/api/me', '/v1/messages/count_tokens'])

/** The trees in which Ollama has its routes. A server between the proxy and Ollama may take capitals for small letters. */
const OLLAMA = /^\/(?:api|v1)(?:\/|$)/i

/** Routes that change Ollama, as far as they are known: Ollama 0.33, server/routes.go. The rest is a newer Ollama's. */
const MANAGING =
  /^\/api\/(?:pull|push|create|copy|delete|signout|blobs\/[^/]*|user\/keys\/[^/]*|experimental\/.*)$/

/**
 * What a request asks of Ollama. A method that changes something, on a path that is not known, counts as management: a
 * newer Ollama must not open a way around permissions. `path`: decoded, without query.
 */
export function useOf(method: string, path: string): RouteUse {
  // A preflight carries no credential, and a browser sends nothing else before it has an answer.
  if (method === 'OPTIONS') return 'open'
  if (READING.has(method)) return OPEN.has(path) ? 'open' : 'read'
  // With a slash behind the path, Ollama redirects to the path without.
  if (method === 'POST' && gatedRoute(path.replace(/\/$/, '')) !== undefined) return 'infer'
  if (method === 'POST' && READING_POSTS.has(path)) return 'read'
  // Ollama has no other routes.
  return OLLAMA.test(path) ? 'manage' : 'read'
}

/** Whether a POST goes to a route of Ollama that the proxy does not know. */
export function isUnknownPost(method: string, path: string): boolean {
  return method === 'POST' && useOf(method, path) === 'manage' && !MANAGING.test(path)
}

/** The lists of models, by path. */
export type ModelList = '/api/tags' | '/api/ps' | '/v1/models'

/** Whether an answer lists the models of Ollama. */
export function isModelList(method: string, path: string): path is ModelList {
  return READING.has(method) && (path === '/api/tags' || path === '/api/ps' || path === '/v1/models')
}

const ONE_MODEL = '/v1/models/'

/** Key of the model that a path asks about: `/v1/models/llama3.2`. Undefined for other paths, and for a text that is no name. */
export function modelInPath(path: string): string | undefined {
  return path.startsWith(ONE_MODEL) ? parseModelName(path.slice(ONE_MODEL.length))?.key : undefined
}
