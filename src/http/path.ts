/**
 * The path as Ollama matches it: decoded whole and once, so that `/api/%63hat` and `/api%2Fchat` are `/api/chat`
 * here too and nobody gets round the gate. What does not decode stays as it is: it names no route of Ollama's.
 */
export function routingPath({ url }: { readonly url: string }): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  if (start < 0) return '/'
  let end = start
  let escaped = false
  for (; end < url.length; end++) {
    const code = url.charCodeAt(end)
    if (code === QUESTION_MARK || code === HASH) break
    if (code === PERCENT) escaped = true
  }
  const path = url.slice(start, end)
  return escaped ? decoded(path) : path
}

const QUESTION_MARK = 0x3f
const HASH = 0x23
const PERCENT = 0x25

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
