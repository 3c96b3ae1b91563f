import type { Credentials } from '../../upstream/credentials.ts'
import { UpstreamAddress } from '../../upstream/upstream-address.ts'

/** Must follow no redirect, undo no encoding and have no deadline, as far as the runtime lets it. */
export type PlainFetch = (url: string, init: RequestInit & { duplex?: 'half' }) => Promise<Response>

/** An upstream as a runtime's own fetch reaches it. */
export class FetchUpstream extends UpstreamAddress {
  readonly fetch: PlainFetch

  constructor(name: string, ollamaUrl: string, credentials: Credentials | undefined, fetch: PlainFetch) {
    super(name, ollamaUrl, credentials)
    this.fetch = fetch
  }
}
