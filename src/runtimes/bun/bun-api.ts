/** The parts of Bun's API that we use, written by hand: Bun's own types would add its globals to every file. */

export interface BunServer {
  readonly port: number
  /** Null once the request is over. */
  requestIP(request: Request): { readonly address: string } | null
  /** Closes the request's connection after this many seconds without traffic, rounded up to a multiple of four. */
  timeout(request: Request, seconds: number): void
  /** Stops listening. Resolves when the last connection is closed. `true` closes all connections at once. */
  stop(closeActiveConnections?: boolean): Promise<void>
}

interface BunServeOptions {
  readonly hostname: string
  readonly port: number
  /** Seconds without traffic after which a connection is closed; 0 = never. */
  readonly idleTimeout: number
  readonly maxRequestBodySize: number
  readonly development: false
  readonly fetch: (request: Request, server: BunServer) => Response | Promise<Response>
  readonly error: (error: Error) => Response
}

export interface BunSocket<Data> {
  readonly data: Data
  /** Returns how many bytes were taken. The caller keeps the rest until `drain`. Negative once the socket is closed. */
  write(bytes: Uint8Array): number
  pause(): void
  resume(): void
  /** Closes at once and discards unsent bytes. */
  terminate(): void
}

export interface BunSocketHandlers<Data> {
  /** The listener may keep the bytes. */
  data(socket: BunSocket<Data>, bytes: Uint8Array): void
  drain(socket: BunSocket<Data>): void
  /** The TLS handshake is over. Without success `error` has the reason, and the socket closes. */
  handshake(socket: BunSocket<Data>, success: boolean, error: Error | null): void
  /** `error`: set when the connection was reset, for example. */
  close(socket: BunSocket<Data>, error?: Error): void
  error(socket: BunSocket<Data>, error: Error): void
}

interface BunConnectOptions<Data> {
  readonly hostname: string
  readonly port: number
  readonly tls?: { readonly serverName: string } | undefined
  readonly data: Data
  readonly socket: BunSocketHandlers<Data>
}

/** Writes into a response without a queue in between. Each flushed write is one chunk on the wire. */
export interface DirectController {
  /** Returns the bytes taken, or a promise that resolves when the client has room again. 0 once closed. */
  write(bytes: Uint8Array): number | Promise<number>
  flush(): unknown
  end(): unknown
  /** Breaks the connection off. */
  close(error: Error): void
}

/** The source of a response body that writes to the client itself. */
export interface DirectSource {
  readonly type: 'direct'
  /** The body ends when the promise is settled. */
  pull(controller: DirectController): Promise<void>
  cancel(): void
}

export interface BunApi {
  serve(options: BunServeOptions): BunServer
  /** Rejects when the connection is refused. */
  connect<Data>(options: BunConnectOptions<Data>): Promise<BunSocket<Data>>
}

/** @throws ReferenceError on any other runtime. */
export function bunApi(): BunApi {
  const bun: BunApi | undefined = Reflect.get(globalThis, 'Bun')
  if (bun === undefined) throw new ReferenceError('this is not Bun')
  return bun
}

/** A response's body from a direct source. The standard types do not know such a source. */
export function directBody(source: DirectSource): ReadableStream<Uint8Array> {
  return Reflect.construct(ReadableStream, [source])
}
