import type { Withheld } from '../relay/contract.ts'

/** Headers in which clients send a key. An Authorization of any kind may hold one, perhaps in the wrong way. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'x-api-key', 'api-key'])

/** What Open WebUI tells of a person. */
const PERSON = 'x-openwebui-'

/** Where a trusted proxy tells the address that a caller is known by. */
const ADDRESS = 'x-forwarded-for'

/**
 * The headers that stay here while `auth` is on, also of a request that is not refused although its credential is wrong: a
 * right key may stand beside it. Ollama forwards the headers of a call to ollama.com for models in the cloud
 * (server/cloud_proxy.go). `byAddress`: the address tells the caller.
 */
export function withheldBy(
  { forward_identity }: { readonly forward_identity: boolean },
  byAddress: boolean,
): Withheld {
  return (name) =>
    CREDENTIALS.has(name) || (byAddress && name === ADDRESS) || (!forward_identity && name.startsWith(PERSON))
}
