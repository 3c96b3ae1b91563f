import { allowsModel } from '../callers/permissions.ts'
import { parseModelName } from '../ollama/model-name.ts'
import type { ModelList } from '../ollama/route-use.ts'
import { Failure } from '../relay/failure.ts'
import type { Ask, Reply } from '../upstream/asking.ts'

/** A list of 10 000 models has some 6 MB. */
const MOST_BYTES = 32 * 2 ** 20
const TIMEOUT_MS = 30_000

/** Where the models of a list stand, and under which key each has its name. */
const SHAPES: Readonly<Record<ModelList, { readonly list: string; readonly name: string }>> = {
  '/api/tags': { list: 'models', name: 'name' },
  '/api/ps': { list: 'models', name: 'name' },
  '/v1/models': { list: 'data', name: 'id' },
}

/** The lists of models, as far as a caller may know them. Only lists for callers with `models` are read at all. */
export class ModelLists {
  readonly #ask: Ask

  constructor(ask: Ask) {
    this.#ask = ask
  }

  /**
   * A list with the models that the patterns allow. Throws a Failure where Ollama gives no list that can be read: to pass
   * on what a second question brings would show all models.
   */
  async filtered(method: string, path: ModelList, models: readonly string[]): Promise<Response> {
    let reply: Reply
    try {
      reply = await this.#ask({ method: 'GET', path, mostBytes: MOST_BYTES, timeoutMs: TIMEOUT_MS })
    } catch (cause) {
      throw new Failure('upstream_error', { cause })
    }
    const isRead = reply.status === 200 && reply.whole
    const body = isRead ? withoutOthers(reply.body, SHAPES[path], models) : undefined
    if (body === undefined) throw new Failure('upstream_error')
    const headers = { 'Content-Type': 'application/json; charset=utf-8' }
    return new Response(method === 'HEAD' ? null : body, { headers })
  }
}

/** Undefined for a text that is no such list. */
function withoutOthers(
  text: string,
  { list, name }: (typeof SHAPES)[ModelList],
  models: readonly string[],
): string | undefined {
  let page: unknown
  try {
    page = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof page !== 'object' || page === null) return undefined
  const entries: unknown = Reflect.get(page, list)
  // Ollama writes null for a list without models.
  if (entries === null) return text
  if (!Array.isArray(entries)) return undefined
  const kept = entries.filter((entry) => {
    const written: unknown = Object(entry)[name]
    const key = typeof written === 'string' ? parseModelName(written)?.key : undefined
    return key !== undefined && allowsModel(models, key)
  })
  return JSON.stringify({ ...page, [list]: kept })
}
