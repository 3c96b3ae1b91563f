import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import type { Problem } from './problem.ts'

/** More aliases than any configuration needs, and far fewer than an alias bomb has. */
const MOST_ALIASES = 100

/** The top-level keys and values of a YAML file, and their lines. */
export interface YamlFile {
  readonly entries: readonly { readonly key: string; readonly value: unknown }[]
  /** The entries as one map. */
  readonly values: Readonly<Record<string, unknown>>
  /** `config.yaml:12`: the line of the deepest key or list item on the path that the file has. */
  where(path: readonly PropertyKey[]): string
}

type AnyPair = Pair<unknown, unknown>

/** Files without a mistake as they were read last, the newest at the end: a reload reads most files unchanged. */
const known = new Map<string, { readonly text: string; readonly file: YamlFile }>()
/** The configuration and its keys_file. */
const MOST_KNOWN = 2

/**
 * Like readText, but a text that was read before is not parsed again: thousands of keys take the event loop most of a
 * second. The values of one text are the same objects, and nobody may change them.
 */
export function readYaml(name: string, text: string, problems: Problem[]): YamlFile {
  const before = known.get(name)
  if (before?.text === text) return before.file
  const found: Problem[] = []
  const file = readText(name, text, found)
  for (const problem of found) problems.push(problem)
  known.delete(name)
  if (found.length > 0) return file
  for (const oldest of known.keys()) if (known.size >= MOST_KNOWN) known.delete(oldest)
  // The nodes of the parser take many times the memory of the text, so they are made again where a place is asked for.
  let where: YamlFile['where'] | undefined
  known.set(name, {
    text,
    file: {
      entries: file.entries,
      values: file.values,
      where(path) {
        where ??= readText(name, text, []).where
        return where(path)
      },
    },
  })
  return file
}

/** Reads YAML text. Adds syntax errors, duplicate keys, keys that are not text and alias bombs to `problems`. */
function readText(name: string, text: string, problems: Problem[]): YamlFile {
  const lines = new LineCounter()
  // The library's error for a duplicate key does not name the key. keyProblemsOf finds duplicates instead.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const at = (offset: number | undefined) =>
    offset === undefined ? name : `${name}:${lines.linePos(offset).line}`
  const report = (offset: number | undefined, key: string | null, message: string) =>
    problems.push({ where: at(offset), key, message })

  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    report(pos[0], null, `not valid YAML: ${message}`)
  }
  const root = document.contents
  const empty = root === null || (isScalar(root) && root.value === null)
  if (document.errors.length > 0 || empty) return { entries: [], values: {}, where: () => name }
  if (!isMap(root)) {
    const got = isSeq(root) ? 'a list' : 'a single value'
    report(root.range?.[0], null, `expected keys and values at the top level, got ${got}`)
    return { entries: [], values: {}, where: () => name }
  }

  for (const { pair, path, message } of keyProblemsOf(root, [])) report(offsetOf(pair), path, message)
  const entries: { key: string; value: unknown }[] = []
  for (const pair of root.items) {
    const key = keyOf(pair)
    if (key === undefined) continue
    try {
      const value = isNode(pair.value) ? pair.value.toJS(document, { maxAliasCount: MOST_ALIASES }) : null
      entries.push({ key, value })
    } catch (error) {
      report(offsetOf(pair), key, error instanceof Error ? error.message : String(error))
    }
  }
  const values = Object.fromEntries(entries.map(({ key, value }) => [key, value]))
  return { entries, values, where: (path) => at(deepestOffset(root, path)) }
}

function keyOf(pair: AnyPair): string | undefined {
  return isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined
}

function offsetOf(pair: AnyPair): number | undefined {
  const node = pair.key
  return isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range?.[0] : undefined
}

/** Duplicate keys, and keys that are not text, at any depth. YAML's toJS would turn such keys into text silently. */
function* keyProblemsOf(
  node: unknown,
  path: readonly string[],
): Generator<{ pair: AnyPair; path: string | null; message: string }> {
  if (isSeq(node)) for (const item of node.items) yield* keyProblemsOf(item, path)
  if (!isMap(node)) return
  const seen = new Set<string>()
  for (const pair of node.items) {
    const key = keyOf(pair)
    if (key === undefined) {
      const message = 'expected a text key; put quotes around a name that looks like a number'
      yield { pair, path: path.length > 0 ? path.join('.') : null, message }
      continue
    }
    const here = [...path, key]
    if (seen.has(key)) yield { pair, path: here.join('.'), message: 'this key occurs twice' }
    seen.add(key)
    yield* keyProblemsOf(pair.value, here)
  }
}

function deepestOffset(root: YAMLMap, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = root
  let offset: number | undefined
  for (const part of path) {
    if (isSeq(node) && typeof part === 'number') {
      node = node.items[part]
      if (!isNode(node)) break
      offset = node.range?.[0] ?? offset
      continue
    }
    const pair: AnyPair | undefined = isMap(node)
      ? node.items.find((item) => keyOf(item) === part)
      : undefined
    if (!pair) break
    offset = offsetOf(pair)
    node = pair.value
  }
  return offset
}
