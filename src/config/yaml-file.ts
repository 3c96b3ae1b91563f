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
  /** `config.yaml:12`: the line of the deepest key or list item on the path that the file has. */
  where(path: readonly PropertyKey[]): string
}

type AnyPair = Pair<unknown, unknown>

/** Reads YAML text. Adds syntax errors, duplicate keys, keys that are not text and alias bombs to `problems`. */
export function readYaml(name: string, text: string, problems: Problem[]): YamlFile {
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
  if (document.errors.length > 0 || empty) return { entries: [], where: () => name }
  if (!isMap(root)) {
    const got = isSeq(root) ? 'a list' : 'a single value'
    report(root.range?.[0], null, `expected keys and values at the top level, got ${got}`)
    return { entries: [], where: () => name }
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
  return { entries, where: (path) => at(deepestOffset(root, path)) }
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
