import type { Context } from 'hono'
import { Refusal } from '../admission/refusal.ts'
import { allowsModel } from '../callers/permissions.ts'
import type { Access } from '../http/access.ts'
import type { CallServices } from '../http/services.ts'
import { parseModelName } from '../ollama/model-name.ts'
import { isModelList, isUnknownPost, modelInPath, useOf } from '../ollama/route-use.ts'
import type { ClientRequest, Requester } from '../relay/contract.ts'
import type { Origins } from '../relay/origins.ts'
import type { Relay } from '../relay/relay.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { ModelLists } from './model-lists.ts'

export interface CallRouteParts {
  readonly access: Access
  /** @throws HttpProblem invalid_target */
  readonly clientRequest: (c: Context) => ClientRequest
  readonly lists: ModelLists
  readonly log: Pick<Log, 'warn'>
  readonly origins: Pick<Origins, 'headersFor'>
  /** The relay for a request. */
  readonly relay: (c: Context) => Relay
}

/** Unknown routes that are told. Clients make paths up. */
const MOST_UNKNOWN = 32

/** The two ways to Ollama. Who is calling is found out before anything of the body is read. */
export function callRoutes(parts: CallRouteParts): Pick<CallServices, 'relay' | 'passThrough'> {
  const { access, clientRequest, lists, origins, relay } = parts
  const unknown = new Set<string>()
  const passes = (path: string) => {
    if (unknown.size >= MOST_UNKNOWN || unknown.has(path)) return
    unknown.add(path)
    parts.log.warn(
      'a POST to a route that this proxy does not know went to Ollama without a slot; a newer version of the proxy may know the route',
      { path: path.slice(0, LONGEST_PATH) },
    )
  }
  /** What a caller that may not use all models gets to know of them. Undefined for a request that tells of no model. */
  const aboutModels = async (
    c: Context,
    request: ClientRequest,
    requester: Requester,
    models: readonly string[],
  ): Promise<Response | undefined> => {
    const { method } = request
    const { path } = c.req
    if (isModelList(method, path)) {
      const list = await lists.filtered(method, path, models)
      const headers = origins.headersFor(c.req.header('origin'), c.req.header('host'))
      for (const [name, value] of Object.entries(headers)) list.headers.set(name, value)
      return list
    }
    // A text that is no name of a model is for Ollama to refuse.
    const allows = (key: string | undefined) =>
      key === undefined || allowsModel(models, key) || !access.refusesCall('model_not_allowed')
    const model = modelInPath(path)
    if (!allows(model)) throw new Refusal('model_not_allowed', { model })
    if (method !== 'POST' || path !== '/api/show') return undefined
    return relay(c).passAbout(request, requester, (name) => allows(parseModelName(name)?.key))
  }
  return {
    async relay(c) {
      const request = clientRequest(c)
      const { path } = c.req
      const requester = access.requesterOf(c, request, 'infer')
      return relay(c).gated(request, path, requester instanceof Promise ? await requester : requester)
    },
    async passThrough(c) {
      const request = clientRequest(c)
      const { method } = request
      const { path } = c.req
      const requester = await access.requesterOf(c, request, useOf(method, path))
      const models = access.modelsOf(requester)
      const about = models === undefined ? undefined : await aboutModels(c, request, requester, models)
      if (about !== undefined) return about
      if (isUnknownPost(method, path)) passes(path)
      return relay(c).passThrough(request, requester)
    },
  }
}

/** The client chooses the path, so a long one is cut in the log. */
const LONGEST_PATH = 256
