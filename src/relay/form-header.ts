/** A header such as Content-Type or Content-Disposition: its value in lower case and its parameters. */
export interface FormHeader {
  readonly value: string
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * Reads a header with parameters as Go's `mime.ParseMediaType` does, which decides what Ollama sees: quoted
 * values, spaces around `=`, and the encoded and continued parameters of RFC 2231. Undefined where Go refuses it.
 */
export function parseFormHeader(text: string): FormHeader | undefined {
  const semicolon = text.indexOf(';')
  const value = (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase()
  const written = semicolon < 0 ? new Map<string, string>() : readParameters(text.slice(semicolon))
  return written && { value, parameters: joined(written) }
}

const NAME = /\s*;\s*([!#$%&'*+\-.^_`|~\w]+)\s*=\s*/y
const TOKEN = /[!#$%&'*+\-.^_`|~\w]+/y
const QUOTED = /"((?:[^"\\\r\n]|\\[^\r\n])*)"/y
const REST = /\s*;?\s*$/y

/** Of the escapes that a quoted value may hold, those that stand for another character. */
const ESCAPE = /\\([()<>@,;:\\"/[\]?=])/g

function readParameters(text: string): Map<string, string> | undefined {
  const written = new Map<string, string>()
  let at = 0
  while (matchAt(REST, text, at) === undefined) {
    const name = matchAt(NAME, text, at)
    if (name?.[1] === undefined) return undefined
    at += name[0].length
    const quoted = matchAt(QUOTED, text, at)
    const value = quoted ?? matchAt(TOKEN, text, at)
    if (value === undefined) return undefined
    at += value[0].length
    const key = name[1].toLowerCase()
    if (written.has(key)) return undefined
    written.set(key, quoted?.[1]?.replace(ESCAPE, '$1') ?? value[0])
  }
  return written
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

/** `x*=utf-8''a%20b` and `x*0=a; x*1=b` become one parameter `x`. */
function joined(written: ReadonlyMap<string, string>): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [key, value] of written) {
    const star = key.indexOf('*')
    if (star < 0) parameters.set(key, value)
    else parameters.set(key.slice(0, star), extended(written, key.slice(0, star)))
  }
  return parameters
}

function extended(written: ReadonlyMap<string, string>, name: string): string {
  const whole = written.get(`${name}*`)
  if (whole !== undefined) return withCharset(whole)
  let value = ''
  for (let part = 0; ; part++) {
    const plain = written.get(`${name}*${part}`)
    const encoded = written.get(`${name}*${part}*`)
    if (plain !== undefined) value += plain
    else if (encoded !== undefined) value += part === 0 ? withCharset(encoded) : unescaped(encoded)
    else return value
  }
}

function withCharset(text: string): string {
  const encoded = /^(?:us-ascii|utf-8)'[^']*'(.*)$/i.exec(text)?.[1]
  return encoded === undefined ? '' : unescaped(encoded)
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
