import type { Withheld } from '../relay/contract.ts'

/** Headers in which clients send a key. An Authorization of any kind may hold one, perhaps in the wrong way. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'x-api-key', 'api-key'])

/** What Open WebUI tells of a person. */
const PERSON = 'x-openwebui-'

const credentials: Withheld = (name) => CREDENTIALS.has(name)

const credentialsAndPersons: Withheld = (name) => CREDENTIALS.has(name) || name.startsWith(PERSON)

/**
 * The headers that stay here while `auth` is on, also of a request that is not refused although its credential is wrong: a
 * right key may stand beside it. Ollama forwards the headers of a call to ollama.com for models in the cloud
 * (server/cloud_proxy.go).
 */
export function withheldBy({ forward_identity }: { readonly forward_identity: boolean }): Withheld {
  return forward_identity ? credentials : credentialsAndPersons
}
