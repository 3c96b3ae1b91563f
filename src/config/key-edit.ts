import { Document, isAlias, isCollection, isMap, isNode, isScalar, type Pair, parseDocument } from 'yaml'

/** Fields of a key, as the file has them. */
export type WrittenKey = Readonly<Record<string, unknown>>

/** The text is valid, and cannot be changed without harm to other keys. */
export class UnknownForm extends Error {
  override readonly name = 'UnknownForm'
}

/** Long lines stay long: a hash does not fit into 80 columns. */
const STYLE = { lineWidth: 0, flowCollectionPadding: false }

/** The text of a keys_file with one more key at its end. Everything else stays as it is. */
export function withKey(text: string, name: string, key: WrittenKey): string {
  const wanted = { ...contentOf(text), [name]: key }
  return firstThatHolds(wanted, [
    () => withLines(text, entry(name, key)),
    () => changed(text, (document) => document.set(name, document.createNode(key))),
  ])
}

/** The text without a key, and without the comment right above this key. Comments of other keys stay. */
export function withoutKey(text: string, name: string): string {
  const { [name]: _, ...wanted } = contentOf(text)
  return firstThatHolds(wanted, [
    () => withoutLines(text, name),
    () => changed(text, (document) => document.delete(name)),
  ])
}

/** The text with another hash for a key that has one. Everything else stays as it is. */
export function withHash(text: string, name: string, hash: string): string {
  const before = contentOf(text)
  const wanted = { ...before, [name]: { ...Object(before[name]), hash } }
  return firstThatHolds(wanted, [
    () => {
      const node = parsed(text).getIn([name, 'hash'], true)
      if (!isScalar(node) || !node.range) return undefined
      const [start, end] = node.range
      const quote = /["']/.exec(text.charAt(start))?.[0] ?? ''
      return text.slice(0, start) + quote + hash + quote + text.slice(end)
    },
    () => changed(text, (document) => document.setIn([name, 'hash'], hash)),
  ])
}

/**
 * The first text that holds the wanted keys and nothing else. Lines are changed first, because this keeps the format of
 * all other lines. The library writes the whole file where that fails, as in a map in braces.
 */
function firstThatHolds(wanted: object, texts: readonly (() => string | undefined)[]): string {
  for (const make of texts) {
    const text = make()
    if (text !== undefined && holds(text, wanted)) return text
  }
  throw new UnknownForm('the file has a form that no command can change, such as an anchor; edit it by hand')
}

function holds(text: string, wanted: object): boolean {
  try {
    return parsed(text).errors.length === 0 && JSON.stringify(contentOf(text)) === JSON.stringify(wanted)
  } catch {
    // An alias whose anchor is gone.
    return false
  }
}

function parsed(text: string) {
  return parseDocument(text, { prettyErrors: false, uniqueKeys: false })
}

function contentOf(text: string): Record<string, unknown> {
  return { ...Object(parsed(text).toJS()) }
}

function changed(text: string, change: (document: Document) => void): string | undefined {
  const document = parsed(text)
  if (!isMap(document.contents)) return undefined
  change(document)
  return document.errors.length > 0 ? undefined : document.toString(STYLE)
}

function entry(name: string, key: WrittenKey): string {
  const document = new Document({ [name]: key })
  const fields = document.get(name)
  // Lists and budgets stand on the line of their field.
  if (isMap(fields)) for (const { value } of fields.items) if (isCollection(value)) value.flow = true
  return document.toString(STYLE)
}

function withLines(text: string, lines: string): string {
  const lineBreak = text.includes('\r\n') ? '\r\n' : '\n'
  const before = text === '' || text.endsWith('\n') ? text : text + lineBreak
  return before + lines.replaceAll('\n', lineBreak)
}

/** Undefined: the key does not stand on lines of its own. */
function withoutLines(text: string, name: string): string | undefined {
  const root = parsed(text).contents
  const pair = isMap(root) && !root.flow ? root.items.find((each) => nameOf(each) === name) : undefined
  const [keyAt] = (pair && isNode(pair.key) && pair.key.range) || []
  if (pair === undefined || keyAt === undefined) return undefined
  const keyLine = lineStart(text, keyAt)
  if (text.slice(keyLine, keyAt).trim() !== '') return undefined
  const indent = keyAt - keyLine

  const valueEnd = contentEnd(pair.value) ?? keyAt
  // The value of a block of text ends behind its last line.
  let end = text.charAt(valueEnd - 1) === '\n' ? valueEnd : lineEnd(text, valueEnd)
  while (commentIndent(lineAt(text, end)) > indent) end = lineEnd(text, end)

  let start = keyLine
  while (start > 0 && commentIndent(lineAt(text, lineStart(text, start - 1))) === indent)
    start = lineStart(text, start - 1)
  // A comment at the very top is about the whole file.
  if (start === 0) start = keyLine

  const blankBefore = start === 0 || isBlank(lineAt(text, lineStart(text, start - 1)))
  if (blankBefore && end < text.length && isBlank(lineAt(text, end))) end = lineEnd(text, end)
  return text.slice(0, start) + text.slice(end)
}

function nameOf({ key }: Pair<unknown, unknown>): unknown {
  return isScalar(key) ? key.value : undefined
}

/** Where the last character of a value ends, without the comments behind the value. */
function contentEnd(node: unknown): number | undefined {
  if (isCollection(node) && !node.flow) {
    const last: unknown = node.items.at(-1)
    const inner = isMap(node) ? node.items.at(-1) : undefined
    const end = inner ? (contentEnd(inner.value) ?? contentEnd(inner.key)) : contentEnd(last)
    if (end !== undefined) return end
  }
  return isCollection(node) || isScalar(node) || isAlias(node) ? node.range?.[1] : undefined
}

function lineStart(text: string, at: number): number {
  return at <= 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}

/** Behind the first line break at or after `at`. */
function lineEnd(text: string, at: number): number {
  const found = text.indexOf('\n', at)
  return found < 0 ? text.length : found + 1
}

function lineAt(text: string, start: number): string {
  return text.slice(start, lineEnd(text, start))
}

/** The column of the `#` of a line that is a comment; -1 for other lines. */
function commentIndent(line: string): number {
  return /^[ \t]*#/.test(line) ? line.indexOf('#') : -1
}

function isBlank(line: string): boolean {
  return line.trim() === ''
}
