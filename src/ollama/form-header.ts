import { Unreadable } from './unreadable.ts'

/** No client that we know of writes more than three. */
const MOST_PARAMETERS = 100

const TOKEN = "[!#$%&'*+\\-.^_`|~\\w]+"
/** A parameter as clients write it. Each part can match in one way only, so that a failure costs one pass. */
const PARAMETER = new RegExp(`[\\t ]*;[\\t ]*(${TOKEN})=(?:(${TOKEN})|"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)")`, 'y')

/**
 * The parameters of a header such as Content-Disposition, by name in lower case. `text`: all that follows the header's
 * value, from its first `;` on. Only the plain form is understood, in which all readers agree: no parameter twice, no
 * spaces around `=`, and of the encoded and continued parameters of RFC 2231 `filename*` alone. Escapes in a quoted
 * value stay as they are written: they stand for punctuation, never for a letter. Throws Unreadable invalid_form.
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
