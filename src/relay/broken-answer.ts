/** An answer that ends before it is whole. */
export interface BrokenAnswer {
  readonly why: 'broken' | 'idle' | 'cancelled'
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly path: string
  readonly acceptLanguage: string | undefined
  /** The answer stopped in the middle of a line. */
  readonly midLine: boolean
}
