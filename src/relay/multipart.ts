const DASH = 0x2d
const CR = 0x0d
const LF = 0x0a

const utf8 = new TextDecoder()
const encoder = new TextEncoder()

/** Longest head of a part that is read; a form's real ones are a few hundred bytes. */
const LONGEST_HEAD_BYTES = 16_384
const LONGEST_FIELD_BYTES = 8192

/** The `boundary` of a multipart/form-data content type (RFC 7578); undefined for any other type. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  if (!contentType || !/^\s*multipart\/form-data\s*(;|$)/i.test(contentType)) return undefined
  const match = /;\s*boundary=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(contentType)
  return match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2]
}

/** First value of a form's text field, as a form reader gives it; file parts are stepped over, not copied. */
export function multipartField(body: Uint8Array, boundary: string, field: string): string | undefined {
  const delimiter = encoder.encode(`--${boundary}`)
  let at = indexOfBytes(body, delimiter, 0)
  while (at >= 0) {
    const head = at + delimiter.length
    if (body[head] === DASH && body[head + 1] === DASH) return undefined
    const headStart = afterLineEnd(body, head)
    const headEnd = indexOfBytes(body, BLANK_LINE, headStart - 2)
    if (headEnd < 0) return undefined
    const contentStart = headEnd + BLANK_LINE.length
    const next = indexOfBytes(body, delimiter, contentStart)
    const headBytes = body.subarray(headStart, Math.min(headEnd, headStart + LONGEST_HEAD_BYTES))
    if (isTextField(utf8.decode(headBytes), field)) {
      const contentEnd = next < 0 ? body.length : Math.max(contentStart, next - 2)
      return utf8.decode(
        body.subarray(contentStart, Math.min(contentEnd, contentStart + LONGEST_FIELD_BYTES)),
      )
    }
    at = next
  }
  return undefined
}

const BLANK_LINE = new Uint8Array([CR, LF, CR, LF])

function isTextField(head: string, field: string): boolean {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head)?.[1]
  if (disposition === undefined || /;?\s*filename\*?=/i.test(disposition)) return false
  const name = /(?:^|;)\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(disposition)
  return (name?.[1]?.replace(/\\(.)/g, '$1') ?? name?.[2]) === field
}

function afterLineEnd(body: Uint8Array, from: number): number {
  const end = body.indexOf(LF, from)
  return end < 0 ? body.length : end + 1
}

function indexOfBytes(body: Uint8Array, sought: Uint8Array, from: number): number {
  const first = sought[0]
  if (first === undefined) return -1
  for (let at = body.indexOf(first, from); at >= 0; at = body.indexOf(first, at + 1)) {
    let same = 1
    while (same < sought.length && body[at + same] === sought[same]) same++
    if (same === sought.length) return at
  }
  return -1
}
