import { isSecret } from '../callers/secret.ts'

/** What becomes of the Authorization header on its way to Ollama. */
export interface Credentials {
  /** The Authorization of probes, and of requests that have none of their own left; undefined: they go without one. */
  readonly authorization: string | undefined
  /** True for an Authorization that is meant for the proxy. Ollama does not get such a header. */
  isOurs(authorization: string): boolean
}

/** Undefined where nothing is configured: then every Authorization passes as it came. */
export function credentialsOf({
  ollama_authorization,
  admin_token,
}: {
  readonly ollama_authorization?: string | undefined
  readonly admin_token?: string | undefined
}): Credentials | undefined {
  if (ollama_authorization === undefined && admin_token === undefined) return undefined
  return {
    authorization: ollama_authorization,
    isOurs: (given) => admin_token !== undefined && carries(given, admin_token),
  }
}

/** Some runtimes hand over repeated headers joined by commas, so each part is looked at. */
function carries(authorization: string, token: string): boolean {
  const parts = authorization.includes(',') ? [authorization, ...authorization.split(',')] : [authorization]
  let found = false
  for (const part of parts) {
    const given = /^\s*Bearer +(\S+)\s*$/i.exec(part)?.[1]
    if (given !== undefined && isSecret(given, token)) found = true
  }
  return found
}
