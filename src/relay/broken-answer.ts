/** An answer that ends before it is whole. */
export interface BrokenAnswer {
  readonly why: 'broken' | 'idle' | 'cancelled' | 'superseded'
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly path: string
  readonly acceptLanguage: string | undefined
  /** The answer stopped in the middle of a line. */
  readonly midLine: boolean
  /** The client has signs of life, and nothing of Ollama's body. */
  readonly onlySigns: boolean
}

/** `header`: of Ollama's answer. */
export function brokenAnswer(
  why: BrokenAnswer['why'],
  {
    onlySigns,
    path,
    request,
  }: Pick<BrokenAnswer, 'onlySigns' | 'path'> & {
    readonly request: { header(name: string): string | undefined }
  },
  header: ((name: string) => string | undefined) | undefined,
  midLine: boolean,
): BrokenAnswer {
  return {
    why,
    contentType: header?.('content-type'),
    contentEncoding: header?.('content-encoding'),
    path,
    acceptLanguage: request.header('accept-language'),
    midLine,
    onlySigns,
  }
}
