import { parseFormHeader } from './form-header.ts'

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d

const utf8 = new TextDecoder()
const encoder = new TextEncoder()

/** The `boundary` of a multipart/form-data content type (RFC 7578); undefined for any other type. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  const header = contentType === undefined ? undefined : parseFormHeader(contentType)
  return header?.value === 'multipart/form-data' ? header.parameters.get('boundary') || undefined : undefined
}

/** First value under a key in the query of a target; one that cannot be decoded is skipped. */
export function queryField(target: string, field: string): string | undefined {
  const question = target.indexOf('?')
  if (question < 0) return undefined
  for (const pair of target.slice(question + 1).split('&')) {
    if (pair.includes(';') || /%(?![\da-f]{2})/i.test(pair)) continue
    const equals = pair.indexOf('=')
    if (unescaped(equals < 0 ? pair : pair.slice(0, equals)) !== field) continue
    return equals < 0 ? '' : unescaped(pair.slice(equals + 1))
  }
  return undefined
}

/**
 * First value of a form's text field as Go's form reader gives it, which decides what Ollama runs: a boundary
 * counts at the start of a line only, lines may end in LF alone if the first boundary does, a part is a file
 * when its filename is not empty. File parts are stepped over, not copied.
 */
export function multipartField(body: Uint8Array, boundary: string, field: string): string | undefined {
  const dashed = encoder.encode(`--${boundary}`)
  let at = firstBoundary(body, dashed)
  if (at < 0) return undefined
  const lineEnd = body[at + dashed.length] === LF ? [LF] : [CR, LF]
  const delimiter = new Uint8Array([...lineEnd, ...dashed])
  while (at >= 0 && !isLast(body, at + dashed.length)) {
    const head = readHead(body, afterLine(body, at))
    const next = nextBoundary(body, delimiter, head.end, dashed)
    if (isTextField(head.text, field)) {
      const content = body.subarray(head.end, next < 0 ? body.length : Math.max(head.end, next))
      return textOf(content, head.text)
    }
    at = next < 0 ? -1 : next === head.end && startsWith(body, dashed, next) ? next : next + lineEnd.length
  }
  return undefined
}

/** Where the first boundary line starts; what stands before it is a preamble. */
function firstBoundary(body: Uint8Array, dashed: Uint8Array): number {
  for (let at = 0; at < body.length; at = afterLine(body, at)) {
    if (startsWith(body, dashed, at) && endsBoundary(body, at + dashed.length)) return at
  }
  return -1
}

/** Where the line end before the next boundary starts; a part without content may have none. */
function nextBoundary(body: Uint8Array, delimiter: Uint8Array, from: number, dashed: Uint8Array): number {
  if (startsWith(body, dashed, from) && endsBoundary(body, from + dashed.length)) return from
  for (let at = indexOfBytes(body, delimiter, from); at >= 0; at = indexOfBytes(body, delimiter, at + 1)) {
    if (endsBoundary(body, at + delimiter.length)) return at
  }
  return -1
}

/** Whether what follows lets the bytes before it be a boundary and not the beginning of a longer word. */
function endsBoundary(body: Uint8Array, at: number): boolean {
  const byte = body[at]
  return byte === CR || byte === LF || byte === 0x20 || byte === 0x09 || isLast(body, at)
}

function isLast(body: Uint8Array, at: number): boolean {
  return body[at] === DASH && body[at + 1] === DASH
}

/** The header lines of a part, unfolded, and where its content starts. */
function readHead(body: Uint8Array, start: number): { text: string; end: number } {
  let at = start
  while (at < body.length) {
    const next = afterLine(body, at)
    const empty = body[at] === LF || (body[at] === CR && body[at + 1] === LF)
    if (empty) {
      return { text: utf8.decode(body.subarray(start, at)).replace(/\r?\n[ \t]+/g, ' '), end: next }
    }
    at = next
  }
  return { text: '', end: body.length }
}

function headerOf(head: string, name: string): string | undefined {
  for (const line of head.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim()
  }
  return undefined
}

function isTextField(head: string, field: string): boolean {
  const disposition = parseFormHeader(headerOf(head, 'content-disposition') ?? '')
  if (disposition?.value !== 'form-data') return false
  return disposition.parameters.get('name') === field && !disposition.parameters.get('filename')
}

function textOf(content: Uint8Array, head: string): string {
  const text = utf8.decode(content)
  if (headerOf(head, 'content-transfer-encoding')?.toLowerCase() !== 'quoted-printable') return text
  return text
    .replace(/=[ \t]*\r?\n/g, '')
    .replace(/=([\dA-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

function afterLine(body: Uint8Array, from: number): number {
  const end = body.indexOf(LF, from)
  return end < 0 ? body.length : end + 1
}

function startsWith(body: Uint8Array, sought: Uint8Array, at: number): boolean {
  let same = 0
  while (same < sought.length && body[at + same] === sought[same]) same++
  return same === sought.length
}

function indexOfBytes(body: Uint8Array, sought: Uint8Array, from: number): number {
  const first = sought[0]
  if (first === undefined) return -1
  for (let at = body.indexOf(first, from); at >= 0; at = body.indexOf(first, at + 1)) {
    if (startsWith(body, sought, at)) return at
  }
  return -1
}
