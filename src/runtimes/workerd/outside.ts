/** A probe that takes longer than this counts as no answer. */
const PROBE_TIMEOUT_MS = 2_000

/** Address of the peer; empty when the platform does not tell. Cloudflare lets no client set this header. */
export function clientAddress({ headers }: Request): string {
  return headers.get('cf-connecting-ip') ?? ''
}

/** Ollama's version. Rejects when it does not tell. */
export async function fetchVersion(ollamaUrl: string): Promise<string> {
  const response = await fetch(`${ollamaUrl}/api/version`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
  const answer: unknown = await response.json()
  if (response.ok && typeof answer === 'object' && answer !== null && 'version' in answer) {
    if (typeof answer.version === 'string') return answer.version
  }
  throw new Error(`no version in the answer (status ${response.status})`)
}
