import type { Credentials } from '../../upstream/credentials.ts'
import { UpstreamAddress } from '../../upstream/upstream-address.ts'

/** A fetch that follows no redirect, undoes no encoding and has no deadline, as far as the runtime allows. */
export type PlainFetch = (url: string, init: RequestInit & { duplex?: 'half' }) => Promise<Response>

/** An Ollama, reached through the runtime's own fetch. */
export class FetchUpstream extends UpstreamAddress {
  readonly fetch: PlainFetch

  constructor(name: string, ollamaUrl: string, credentials: Credentials | undefined, fetch: PlainFetch) {
    super(name, ollamaUrl, credentials)
    this.fetch = fetch
  }
}
