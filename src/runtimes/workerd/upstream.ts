import type { Config } from '../../config/schema.ts'
import { credentialsOf } from '../../upstream/credentials.ts'
import { ONLY_UPSTREAM } from '../../upstream/upstream-address.ts'
import { FetchUpstream } from '../fetch/upstream.ts'

/** The guarded Ollama, as a Worker and the admission object reach it. */
export function upstreamOf(config: Pick<Config, 'ollama_url' | 'ollama_authorization'>): FetchUpstream {
  return new FetchUpstream(ONLY_UPSTREAM, config.ollama_url, credentialsOf(config), (url, init) =>
    fetch(url, init),
  )
}
