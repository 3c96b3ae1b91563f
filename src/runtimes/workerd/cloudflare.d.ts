declare module 'cloudflare:workers' {
  /** The base of every object: its public methods can be called from Workers. */
  export abstract class DurableObject<Env> {
    protected readonly ctx: import('./platform.ts').ObjectState
    protected readonly env: Env
    constructor(ctx: import('./platform.ts').ObjectState, env: Env)
  }
}

/** Bytes in, the same bytes out, with nothing kept in between. */
declare class IdentityTransformStream implements ReadableWritablePair<Uint8Array, Uint8Array> {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** The same for a body whose length is known, which must be kept to. */
declare class FixedLengthStream extends IdentityTransformStream {
  constructor(length: number)
}
