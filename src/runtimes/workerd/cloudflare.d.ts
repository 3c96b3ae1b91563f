declare module 'cloudflare:workers' {
  /** The base class of objects. Workers can call the public methods of an object. */
  export abstract class DurableObject<Env> {
    protected readonly ctx: import('./platform.ts').ObjectState
    protected readonly env: Env
    constructor(ctx: import('./platform.ts').ObjectState, env: Env)
  }
}

/** A stream of the platform that passes bytes on and buffers nothing. */
declare class IdentityTransformStream implements ReadableWritablePair<Uint8Array, Uint8Array> {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** The same for a body of a known length. Another number of bytes is an error. */
declare class FixedLengthStream extends IdentityTransformStream {
  constructor(length: number)
}
