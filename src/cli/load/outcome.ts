/** What became of a call. Times are milliseconds from when it was due, not from when it was sent. */
export type Outcome =
  | {
      readonly kind: 'answered'
      readonly firstByteMs: number
      readonly totalMs: number
      readonly tokens: number
    }
  /** An answer other than 2xx, by its status and code, such as `503 queue_full`. */
  | { readonly kind: 'refused'; readonly why: string; readonly totalMs: number }
  /** Our own patience ended. */
  | { readonly kind: 'timed_out' }
  /** No answer, or one that broke off. */
  | { readonly kind: 'failed'; readonly why: string }
  /** We were told to end. */
  | { readonly kind: 'aborted' }

/** Status and code of an error answer, of any of the dialects that Ollama's clients know. */
export function refusalName(status: number, body: string): string {
  const code = codeIn(body)
  return code === undefined ? String(status) : `${status} ${code}`
}

const LONGEST_CODE = 60

function codeIn(body: string): string | undefined {
  try {
    const { error, code: ours }: { error?: unknown; code?: unknown } = Object(JSON.parse(body))
    const { code, type }: { code?: unknown; type?: unknown } = Object(error)
    // On /api routes our `error` is a sentence behind the code, and Ollama's is a sentence alone.
    const found = [ours, error, code, type].find((each) => typeof each === 'string' && each !== '')
    return typeof found === 'string' ? found.slice(0, LONGEST_CODE) : undefined
  } catch {
    return undefined
  }
}
