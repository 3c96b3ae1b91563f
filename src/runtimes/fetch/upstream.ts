import { type Reply, readReply, type UpstreamQuestion, unreadReply } from '../../upstream/asking.ts'
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

  async ask(question: UpstreamQuestion): Promise<Reply> {
    const authorization = this.credentials?.authorization
    const { status, headers, body } = await this.fetch(this.url.origin + this.pathPrefix + question.path, {
      method: question.method,
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(question.body !== undefined && { 'content-type': 'application/json' }),
      },
      body: question.body ?? null,
      redirect: 'manual',
      // Ends the reading of the body, too.
      signal: AbortSignal.timeout(question.timeoutMs),
    })
    const location = headers.get('location') ?? undefined
    if (status === 200 && body !== null) return readReply(question, { status, location, body })
    await body?.cancel()
    return unreadReply(status, location)
  }
}
