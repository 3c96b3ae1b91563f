import { Unreadable } from './unreadable.ts'

const FORM = 'multipart/form-data'
/** The characters and the length that RFC 2046 section 5.1.1 allows. The last character is not a blank. */
const BOUNDARY = /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/

/** No client that we know of writes more than three. */
const MOST_PARAMETERS = 100

const TOKEN = "[!#$%&'*+\\-.^_`|~\\w]+"
/** A parameter as clients write it. Each part can match in one way only, so a failed match costs one pass. */
const PARAMETER = new RegExp(`[\\t ]*;[\\t ]*(${TOKEN})=(?:(${TOKEN})|"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)")`, 'y')

/**
 * The `boundary` of a multipart/form-data content type (RFC 7578). Undefined: Ollama does not read this type as a
 * form, so no model runs. Throws Unreadable invalid_form where Ollama could find another boundary.
 */
export function formBoundary(contentType = ''): string | undefined {
  // Go turns the type into lower case before it compares. Some letters that are not ASCII become ASCII by that.
  if (/[^\t\x20-\x7e]/.test(contentType)) throw new Unreadable('invalid_form')
  if (!contentType.toLowerCase().includes(FORM)) return undefined
  if (contentType.slice(0, FORM.length).toLowerCase() !== FORM) throw new Unreadable('invalid_form')
  const boundary = plainParameters(contentType.slice(FORM.length)).get('boundary')
  if (boundary !== undefined && !BOUNDARY.test(boundary)) throw new Unreadable('invalid_form')
  return boundary
}

/**
 * The parameters of a header such as Content-Disposition, by name in lower case. `text`: the header from its first `;`
 * on. Throws Unreadable invalid_form for anything but the plain form, which all readers understand in the same way: no
 * parameter twice, no spaces around `=`, and no encoded or continued parameter of RFC 2231 except `filename*`.
 * Escapes in a quoted value stay as the client wrote them: they stand for punctuation, never for a letter.
 */
export function plainParameters(text: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (let at = 0; at < text.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at
    const [, written = '', token, quoted = ''] = PARAMETER.exec(text) ?? []
    const name = written.toLowerCase()
    const isPlain = name !== '' && (name === 'filename*' || !name.includes('*'))
    if (!isPlain || parameters.has(name) || parameters.size === MOST_PARAMETERS)
      throw new Unreadable('invalid_form')
    parameters.set(name, token ?? quoted)
  }
  return parameters
}
