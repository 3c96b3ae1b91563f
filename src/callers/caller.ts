/** The party that a call is charged to. */
export interface Caller {
  readonly id: string
}

/** The one caller of a proxy that tells no callers apart. */
export const EVERYBODY: Caller = { id: 'everybody' }
