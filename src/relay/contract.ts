import type { IncomingBody } from './incoming-body.ts'

/** What one exchange with a client is to the relay, whatever the runtime. One object a request. */
export interface ClientRequest {
  readonly method: string
  /** Path and query for Ollama: what `Target.forwarded` is. */
  readonly target: string
  /** Address of the client's socket; empty when the runtime does not tell. */
  readonly clientAddress: string
  /** True once the client has left before its answer was over. */
  readonly gone: boolean
  /** A request header by its lower-case name; repeated ones joined as HTTP joins them. */
  header(name: string): string | undefined
  /** Calls back once if the client leaves before its answer is over. A later listener replaces an earlier one. */
  onGone(listener: () => void): void
  /**
   * Reads the whole request body into `body`, and hands it out in one piece.
   * Throws what `body` says to stop for, Failure client_gone when the client left, or what `stopReading` was given.
   * After a stop nothing of the body is kept.
   */
  readBody(body: IncomingBody): Promise<Uint8Array>
  stopReading(reason: Error): void
  /**
   * Sends the request on to Ollama and its answer back to the client, byte for byte, chunk for chunk, each
   * side held back by the other. `body`: what to send; undefined streams the client's own body through.
   */
  forward(body: Uint8Array | undefined, forwarding: ForwardingObserver): Forwarding
}

export interface Forwarding {
  /**
   * The answer to return from the route, once Ollama's status and headers are there.
   * Rejects with a Failure when there will be none.
   */
  readonly answer: Promise<Response>
  /**
   * How far the client's own body has come on its way to Ollama. Undefined once it is whole, or the forwarding is over;
   * also where there is no such body, and where the platform does not tell.
   */
  readonly upload: Upload | undefined
  /**
   * Cuts the connection to Ollama. Before the first byte `answer` rejects with `reason`; after it the client
   * gets `lastWords`, if any, and its connection is closed.
   */
  abort(reason: Error, lastWords?: string): void
}

export interface Upload {
  /** Grows with everything that comes. */
  readonly bytes: number
  /** Ollama takes no more at the moment, so that the client cannot send. */
  readonly heldBack: boolean
}

export type Ending = 'done' | 'broken' | 'client_gone' | 'aborted'

/** Told how a forwarding goes. `over` comes exactly once and last; a broken forwarding tells why, where its runtime knows. */
export interface ForwardingObserver {
  /** Lower-case names of Ollama's headers that the client does not get; those of one connection are among them. */
  readonly dropped: ReadonlySet<string>
  /**
   * Ollama's status and headers are there. `header` reads them by lower-case name, as long as the forwarding lasts.
   * Returns headers to be added for the client, flat: name, value, name, value.
   */
  head(status: number, header: (name: string) => string | undefined): readonly string[]
  /** A part of the body went to the client. The bytes must not be changed. */
  data(bytes: Uint8Array): void
  /** Ollama's answer broke after its first byte: what the client is told before its connection is closed. */
  errorTrailer(): string | undefined
  end(ending: Ending, cause?: unknown): void
}
