/**
 * What Go's net/http and mime/multipart find in a form, step by step as their sources go, for bytes in Latin-1 strings.
 * Slow and simple on purpose: the reader that it is the measure of shares none of its ways.
 */
export type FormReading = { readonly model: string | undefined } | { readonly error: string }

const refusal = (error: string): FormReading => ({ error })

/** http.Request.ParseMultipartForm and FormValue("model"), for a request without a query. */
export function readAsGo(contentType: string, body: string): FormReading {
  const type = parseMediaType(contentType)
  if (type?.value !== 'multipart/form-data') return refusal('not multipart/form-data')
  const boundary = type.parameters.get('boundary')
  if (!boundary) return refusal('no boundary')
  let rest = body
  let lineEnd = '\r\n'
  let model: string | undefined
  for (let parts = 0; ; parts++) {
    const found = nextPart(rest, boundary, lineEnd, parts)
    if (found === 'end') return { model }
    if (found === undefined) return refusal('no next part')
    lineEnd = found.lineEnd
    const head = readHead(found.rest)
    if (head === 'end') return { model }
    if (head === undefined) return refusal('malformed head')
    const content = readContent(head.rest, boundary, lineEnd)
    if (content === undefined) return refusal('content without an end')
    rest = content.rest
    const disposition = parseMediaType(head.fields.get('content-disposition') ?? '')
    if (disposition?.value !== 'form-data' || disposition.parameters.get('name') !== 'model') continue
    if (disposition.parameters.get('filename')) continue
    const encoding = head.fields.get('content-transfer-encoding')?.toLowerCase()
    // FormScan refuses such a model, so this reader need not decode it, and finds no error of decoding.
    model ??= encoding === 'quoted-printable' ? `encoded ${content.text}` : content.text
  }
}

/** Reader.nextPart: to the beginning of the next head. */
function nextPart(
  body: string,
  boundary: string,
  lineEndSoFar: string,
  partsRead: number,
): { rest: string; lineEnd: string } | 'end' | undefined {
  let lineEnd = lineEndSoFar
  let rest = body
  let partExpected = false
  for (;;) {
    const newline = rest.indexOf('\n')
    const line = newline < 0 ? rest : rest.slice(0, newline + 1)
    rest = rest.slice(line.length)
    const isFinal = line.startsWith(`--${boundary}--`)
      ? ['', lineEnd].includes(line.slice(boundary.length + 4).replace(/^[ \t]+/, ''))
      : false
    if (newline < 0) return isFinal ? 'end' : undefined
    if (line.startsWith(`--${boundary}`)) {
      const after = line.slice(boundary.length + 2).replace(/^[ \t]+/, '')
      if (partsRead === 0 && after === '\n') lineEnd = '\n'
      if (after === lineEnd) return { rest, lineEnd }
    }
    if (isFinal) return 'end'
    if (partExpected) return undefined
    if (partsRead === 0) continue
    if (line !== lineEnd) return undefined
    partExpected = true
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// The bytes of the list in Go's net/textproto.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * textproto.ReadMIMEHeader: the first value of each field, and what stands behind the empty line. Where the body ends
 * within the head, the form ends too, without an error.
 */
function readHead(body: string): { fields: Map<string, string>; rest: string } | 'end' | undefined {
  const fields = new Map<string, string>()
  let rest = body
  if (/^[ \t]/.test(rest)) return undefined
  for (;;) {
    let line = ''
    for (let first = true; first || /^[ \t]/.test(rest); first = false) {
      if (rest === '') return 'end'
      const newline = rest.indexOf('\n')
      const read = newline < 0 ? rest : rest.slice(0, newline).replace(/\r$/, '')
      rest = newline < 0 ? '' : rest.slice(newline + 1)
      if (first && read === '') return { fields, rest }
      if (first && !read.includes(':')) return undefined
      line += first ? read.replace(/[ \t]+$/, '') : ` ${read.replace(/^[ \t]+|[ \t]+$/g, '')}`
    }
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1)
    // A name with a blank stays as it is written. No reader asks for such a name.
    if (name === '' || !name.split(' ').every((word) => word === '' || TOKEN.test(word))) return undefined
    if (!HEADER_VALUE.test(value)) return undefined
    const key = name.toLowerCase()
    if (!fields.has(key)) fields.set(key, value.replace(/^[ \t]+/, ''))
  }
}

/** Part.Read: the content up to the next boundary. */
function readContent(
  body: string,
  boundary: string,
  lineEnd: string,
): { text: string; rest: string } | undefined {
  const ends = (at: number) => /^(?:[ \t\r\n]|--|$)/.test(body.slice(at, at + 2))
  if (body.startsWith(`--${boundary}`) && ends(boundary.length + 2)) return { text: '', rest: body }
  const delimiter = `${lineEnd}--${boundary}`
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + delimiter.length)) {
    if (ends(at + delimiter.length)) return { text: body.slice(0, at), rest: body.slice(at) }
  }
  return undefined
}

interface MediaType {
  readonly value: string
  readonly parameters: Map<string, string>
}

/** Go's white space in UTF-8, each byte a Latin-1 letter. */
const SPACES = [
  '\t',
  '\n',
  '\v',
  '\f',
  '\r',
  ' ',
  '\xc2\x85',
  '\xc2\xa0',
  '\xe1\x9a\x80',
  '\xe2\x80\xa8',
  '\xe2\x80\xa9',
]
  .concat(['\xe2\x80\xaf', '\xe2\x81\x9f', '\xe3\x80\x80'])
  .concat(Array.from({ length: 11 }, (_, index) => `\xe2\x80${String.fromCharCode(0x80 + index)}`))

function trimStart(text: string): string {
  const space = SPACES.find((each) => text.startsWith(each))
  return space === undefined ? text : trimStart(text.slice(space.length))
}

function trim(text: string): string {
  const space = SPACES.find((each) => text.endsWith(each))
  return space === undefined ? trimStart(text) : trim(text.slice(0, -space.length))
}

/** mime.ParseMediaType. Undefined: an error. */
function parseMediaType(text: string): MediaType | undefined {
  const base = text.split(';', 1)[0] ?? ''
  // U+0130 and U+212A are the letters beyond ASCII whose small forms are ASCII.
  const ascii = base.replaceAll('\xc4\xb0', 'i').replaceAll('\xe2\x84\xaa', 'k')
  const value = trim(ascii.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
  const words = value.split('/')
  if (words.length > 2 || !words.every((word) => /^[!#$%&'*+\-.^_`{|}~0-9A-Za-z]+$/.test(word)))
    return undefined

  const plain = new Map<string, string>()
  const starred = new Map<string, Map<string, string>>()
  let rest = text.slice(base.length)
  for (;;) {
    rest = trimStart(rest)
    if (rest === '' || trim(rest) === ';') break
    if (!rest.startsWith(';')) return undefined
    rest = trimStart(rest.slice(1))
    const key = /^[!#$%&'*+\-.^_`{|}~0-9A-Za-z]*/.exec(rest)?.[0] ?? ''
    rest = trimStart(rest.slice(key.length))
    if (key === '' || !rest.startsWith('=')) return undefined
    rest = trimStart(rest.slice(1))
    const written = consumeValue(rest)
    if (written === undefined) return undefined
    rest = rest.slice(written.length)
    const name = key.toLowerCase()
    const family = name.includes('*') ? name.slice(0, name.indexOf('*')) : undefined
    if (family !== undefined && !starred.has(family)) starred.set(family, new Map())
    const into = (family !== undefined && starred.get(family)) || plain
    if (into.has(name) && into.get(name) !== written.value) return undefined
    into.set(name, written.value)
  }
  for (const [name, pieces] of starred) {
    const joined = join(name, pieces)
    if (joined !== undefined) plain.set(name, joined)
  }
  return { value, parameters: plain }
}

function consumeValue(text: string): { value: string; length: number } | undefined {
  if (!text.startsWith('"')) {
    const token = /^[!#$%&'*+\-.^_`{|}~0-9A-Za-z]*/.exec(text)?.[0] ?? ''
    return token === '' ? undefined : { value: token, length: token.length }
  }
  let value = ''
  for (let at = 1; at < text.length; at++) {
    const letter = text.charAt(at)
    if (letter === '"') return { value, length: at + 1 }
    if (letter === '\r' || letter === '\n') return undefined
    if (letter === '\\' && at + 1 < text.length && '()<>@,;:\\"/[]?='.includes(text.charAt(at + 1))) at++
    value += text.charAt(at)
  }
  return undefined
}

/** The values of `x*`, or of `x*0`, `x*1*` and so on, as one. */
function join(name: string, pieces: ReadonlyMap<string, string>): string | undefined {
  const whole = pieces.get(`${name}*`)
  if (whole !== undefined) return decodeExtended(whole)
  let joined = ''
  for (let index = 0; ; index++) {
    const simple = pieces.get(`${name}*${index}`)
    const encoded = pieces.get(`${name}*${index}*`)
    if (simple !== undefined) joined += simple
    else if (encoded !== undefined)
      joined += (index === 0 ? decodeExtended(encoded) : decodePercent(encoded)) ?? ''
    else return index === 0 ? undefined : joined
  }
}

function decodeExtended(text: string): string | undefined {
  const [, charset = '', value = ''] = /^([^']*)'[^']*'(.*)$/s.exec(text) ?? []
  return ['us-ascii', 'utf-8'].includes(charset.toLowerCase()) ? decodePercent(value) : undefined
}

function decodePercent(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  return text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
