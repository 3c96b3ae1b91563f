/** Result of a call. Times are milliseconds since the call was due, not since it was sent. */
export type LoadOutcome =
  | {
      readonly kind: 'answered'
      readonly firstByteMs: number
      readonly totalMs: number
      readonly tokens: number
    }
  /** An answer other than 2xx, by its status and code, such as `503 queue_full`. */
  | { readonly kind: 'refused'; readonly why: string; readonly totalMs: number }
  /** The call took longer than --timeout. */
  | { readonly kind: 'timed_out' }
  /** No answer, or an answer that broke off. */
  | { readonly kind: 'failed'; readonly why: string }
  /** A second signal ended the call. */
  | { readonly kind: 'aborted' }

/** Status and code of an error answer, in any of the formats of Ollama, OpenAI and Anthropic. */
export function refusalName(status: number, body: string): string {
  const code = codeIn(body)
  return code === undefined ? String(status) : `${status} ${code}`
}

const LONGEST_CODE = 60

function codeIn(body: string): string | undefined {
  try {
    const { error, code: ours }: { error?: unknown; code?: unknown } = Object(JSON.parse(body))
    const { code, type }: { code?: unknown; type?: unknown } = Object(error)
    // On /api routes, the proxy's `error` is the code and a sentence, so `code` is read first. Ollama sends no `code`.
    const found = [ours, error, code, type].find((each) => typeof each === 'string' && each !== '')
    return typeof found === 'string' ? found.slice(0, LONGEST_CODE) : undefined
  } catch {
    return undefined
  }
}
