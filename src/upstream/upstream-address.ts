import type { Credentials } from './credentials.ts'

/** The name of the one upstream that `ollama_url` stands for. */
export const ONLY_UPSTREAM = 'ollama'

/** One Ollama, as far as the way to it is the same on every runtime. */
export class UpstreamAddress {
  readonly name: string
  readonly url: URL
  /** Stands before every path; empty for an `ollama_url` without a path. */
  readonly pathPrefix: string
  readonly credentials: Credentials | undefined

  constructor(name: string, ollamaUrl: string, credentials: Credentials | undefined) {
    this.name = name
    this.url = new URL(ollamaUrl)
    this.pathPrefix = this.url.pathname === '/' ? '' : this.url.pathname
    this.credentials = credentials
  }
}
