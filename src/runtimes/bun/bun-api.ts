/** What is used of Bun, by hand: its own types would put its globals into every file of the program. */

export interface BunServer {
  readonly port: number
  /** Null once the request is over. */
  requestIP(request: Request): { readonly address: string } | null
  /** Closes the request's connection after so many seconds without traffic, in steps of four. */
  timeout(request: Request, seconds: number): void
  /** Stops listening; resolves when the last connection is closed. `true` closes them all. */
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
  /** How many bytes were taken; the rest is for the caller to keep until `drain`. Negative once it is closed. */
  write(bytes: Uint8Array): number
  pause(): void
  resume(): void
  /** Closes at once, unsent bytes and all. */
  terminate(): void
}

export interface BunSocketHandlers<Data> {
  /** The bytes belong to the listener. */
  data(socket: BunSocket<Data>, bytes: Uint8Array): void
  drain(socket: BunSocket<Data>): void
  /** TLS is agreed on, or not: then `error` tells why, and the socket closes. */
  handshake(socket: BunSocket<Data>, success: boolean, error: Error | null): void
  /** `error`: the connection was reset, or the like. */
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

/** Writes into a response without a queue between: each flushed write is a chunk of its own on the wire. */
export interface DirectController {
  /** Bytes taken, or a promise for when the client has room again; 0 once it is closed. */
  write(bytes: Uint8Array): number | Promise<number>
  flush(): unknown
  end(): unknown
  /** Breaks the connection off. */
  close(error: Error): void
}

/** The body of a Response that Bun lets write for itself. */
export interface DirectSource {
  readonly type: 'direct'
  /** The body goes on until the promise is settled. */
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

/** A response's body from a direct source, which no standard type knows. */
export function directBody(source: DirectSource): ReadableStream<Uint8Array> {
  return Reflect.construct(ReadableStream, [source])
}
