import { flatHeader } from '../../relay/headers.ts'
import { type Reply, ReplyBody, type UpstreamQuestion, unreadReply } from '../../upstream/asking.ts'
import type { AnswerSink, UpstreamConnection } from './connection.ts'

/** A question that waits for its answer, on a connection that calls use, too. Settled once. */
export class OpenQuestion implements AnswerSink {
  connection: UpstreamConnection | undefined
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (reason: Error) => void
  readonly #timeout: NodeJS.Timeout
  readonly #body: ReplyBody
  #status = 0
  #location: string | undefined

  constructor(question: UpstreamQuestion, resolve: (reply: Reply) => void, reject: (reason: Error) => void) {
    this.#resolve = resolve
    this.#reject = reject
    this.#body = new ReplyBody(question)
    this.#timeout = setTimeout(() => {
      this.connection?.cut()
      this.failed(new DOMException(`no answer within ${question.timeoutMs} ms`, 'TimeoutError'))
    }, question.timeoutMs)
  }

  head(status: number, _statusText: string, headers: string[]): void {
    this.#status = status
    this.#location = flatHeader(headers, 'location')
    if (status !== 200) this.#cut(unreadReply(status, this.#location))
  }

  data(part: Uint8Array): void {
    if (!this.#body.add(part)) this.#cut(this.#body.reply(this.#status, this.#location))
  }

  end(): void {
    this.#settle(this.#body.reply(this.#status, this.#location))
  }

  failed(error: Error): void {
    clearTimeout(this.#timeout)
    this.#reject(error)
  }

  /** Answers without the rest of the body. */
  #cut(reply: Reply): void {
    this.connection?.cut()
    this.#settle(reply)
  }

  #settle(reply: Reply): void {
    clearTimeout(this.#timeout)
    this.#resolve(reply)
  }
}
