import { plainParameters } from './form-header.ts'
import { Unreadable } from './unreadable.ts'

const FORM = 'multipart/form-data'
/** The characters and the length that RFC 2046 section 5.1.1 allows; no blank at the end. */
const BOUNDARY = /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/

/**
 * The `boundary` of a multipart/form-data content type (RFC 7578). Undefined for a type that Ollama takes for no form,
 * so that nothing runs. Throws Unreadable invalid_form where Ollama could find another boundary.
 */
export function formBoundary(contentType = ''): string | undefined {
  // Go makes letters small before it compares, and some that are not ASCII become ASCII by that.
  if (/[^\t\x20-\x7e]/.test(contentType)) throw new Unreadable('invalid_form')
  if (!contentType.toLowerCase().includes(FORM)) return undefined
  if (contentType.slice(0, FORM.length).toLowerCase() !== FORM) throw new Unreadable('invalid_form')
  const boundary = plainParameters(contentType.slice(FORM.length)).get('boundary')
  if (boundary !== undefined && !BOUNDARY.test(boundary)) throw new Unreadable('invalid_form')
  return boundary
}

/** First value under a key in the query of a target, as Go reads it; a pair that cannot be decoded is skipped. */
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

/** Text whose bytes are not UTF-8 stays as it is written: with a `%` in it, it names no model. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
