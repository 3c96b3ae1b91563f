import type { Reply, UpstreamQuestion } from './asking.ts'
import type { Credentials } from './credentials.ts'
import { PROBE, type ProbeAnswer } from './probe.ts'

/** The name of the one upstream that `ollama_url` stands for. */
export const ONLY_UPSTREAM = 'ollama'

/** One Ollama, as far as the way to it is the same on every runtime. */
export abstract class UpstreamAddress {
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

  /** Asks Ollama. Rejects when there is no answer in time. */
  abstract ask(question: UpstreamQuestion): Promise<Reply>

  /** Asks for Ollama's version. Rejects when there is no answer in time. */
  probe(): Promise<ProbeAnswer> {
    return this.ask(PROBE)
  }
}
