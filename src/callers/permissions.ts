import type { Caller, Key, Use } from './caller.ts'
import { parseSshKey } from './keys.ts'
import { canonicalNetwork } from './networks.ts'

/** Characters. The longest name that Ollama takes has some 600. */
const LONGEST_NAME = 1_024
/** Answers kept for a list of patterns. Clients make names up. */
const MOST_ANSWERS = 1_000

const DEFAULT_HOST = 'registry.ollama.ai'
const DEFAULT_NAMESPACE = 'library'
const DEFAULT_TAG = 'latest'

/** One entry of `models`. */
interface ModelPattern {
  readonly excludes: boolean
  readonly glob: string
}

/** The patterns of one list, and what they said before. */
class ModelPatterns {
  readonly #patterns: readonly ModelPattern[]
  readonly #includesAll: boolean
  readonly #answers = new Map<string, boolean>()

  constructor(models: readonly string[]) {
    this.#patterns = models.map(readPattern)
    this.#includesAll = this.#patterns.every(({ excludes }) => excludes) && models.length > 0
  }

  allow(modelKey: string): boolean {
    if (modelKey.length > LONGEST_NAME) return false
    const known = this.#answers.get(modelKey)
    if (known !== undefined) return known
    const allowed = this.#decide(modelKey)
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear()
    this.#answers.set(modelKey, allowed)
    return allowed
  }

  #decide(modelKey: string): boolean {
    const spellings = spellingsOf(modelKey)
    let included = this.#includesAll
    for (const { excludes, glob } of this.#patterns) {
      if (!spellings.some((spelling) => matches(glob, spelling))) continue
      if (excludes) return false
      included = true
    }
    return included
  }
}

const readLists = new WeakMap<readonly string[], ModelPatterns>()

/**
 * Whether the `models` of a key let a call use a model. An exclusion wins, wherever it stands; a list of exclusions
 * alone includes all else; an empty list includes nothing.
 *
 * A pattern means a model in any spelling: with or without host, namespace and `:latest`, in any case. So
 * `llama3.2:*` also matches `llama3.2`, which is `llama3.2:latest`. `*` stands for any characters, also `/` and `:`.
 * @param modelKey as `parseModelName` makes it
 */
export function allowsModel(models: readonly string[] | undefined, modelKey: string): boolean {
  if (models === undefined) return true
  let patterns = readLists.get(models)
  if (patterns === undefined) {
    patterns = new ModelPatterns(models)
    readLists.set(models, patterns)
  }
  return patterns.allow(modelKey)
}

/**
 * Whether the key of a caller lets it use the proxy in this way. Who may manage may also view. A caller without a key
 * may infer alone: what is open to this machine or to everybody is decided elsewhere.
 */
export function mayUse({ key }: Caller, use: Use): boolean {
  if (key === undefined) return use === 'infer'
  return key.may.has(use) || (use === 'view' && key.may.has('manage'))
}

/** The entries of `models` that match none of these model keys: probably misspelled. */
export function globsThatMatchNothing(key: Key, catalogNames: Iterable<string>): string[] {
  const spellings = Array.from(catalogNames, spellingsOf).flat()
  return (key.models ?? []).filter((entry) => {
    const { glob } = readPattern(entry)
    return !spellings.some((spelling) => matches(glob, spelling))
  })
}

/** A credential that two keys have, so that only the first of them is ever found. */
export interface KeyOverlap {
  readonly what: 'hash' | 'ed25519' | 'address'
  /** The names of the keys, in their order. */
  readonly keys: readonly string[]
  /** As the first of the keys writes the credential. */
  readonly value: string
}

/** A network within another network is no overlap: the more specific one counts. */
export function overlaps(keys: readonly Key[]): KeyOverlap[] {
  const found = new Map<string, { what: KeyOverlap['what']; keys: string[]; value: string }>()
  const add = (what: KeyOverlap['what'], name: string, value: string, canonical: string | undefined) => {
    const id = `${what} ${canonical ?? value}`
    const others = found.get(id) ?? { what, keys: [], value }
    if (!others.keys.includes(name)) others.keys.push(name)
    found.set(id, others)
  }
  for (const { name, hash, ed25519, address } of keys) {
    if (hash !== undefined) add('hash', name, hash, hash)
    if (ed25519 !== undefined) add('ed25519', name, ed25519, parseSshKey(ed25519)?.wire)
    for (const network of address) add('address', name, network, canonicalNetwork(network))
  }
  return [...found.values()].filter((each) => each.keys.length > 1)
}

function readPattern(entry: string): ModelPattern {
  const text = entry.trim()
  const excludes = text.startsWith('!')
  const glob = (excludes ? text.slice(1).trim() : text).toLowerCase()
  return { excludes, glob }
}

/** All the names by which Ollama knows the model of a key. */
function spellingsOf(modelKey: string): string[] {
  const paths = [modelKey]
  const parts = modelKey.split('/').length
  if (parts === 1) paths.push(`${DEFAULT_NAMESPACE}/${modelKey}`)
  if (parts <= 2) paths.push(`${DEFAULT_HOST}/${paths.at(-1)}`)
  const tagged = modelKey.lastIndexOf(':') > modelKey.lastIndexOf('/')
  return tagged ? paths : paths.flatMap((path) => [path, `${path}:${DEFAULT_TAG}`])
}

/**
 * `*` stands for any characters, `?` for one. Takes at most as many steps as the lengths of both give multiplied: only
 * the last `*` is ever tried again, because an earlier one could gain nothing.
 */
function matches(glob: string, text: string): boolean {
  let globAt = 0
  let textAt = 0
  /** Behind the last `*`, and the first character that the `*` does not stand for. */
  let star: { readonly behind: number; rest: number } | undefined
  while (textAt < text.length) {
    const wanted = glob[globAt]
    if (wanted === '*') star = { behind: ++globAt, rest: textAt }
    else if (wanted === '?' || (wanted !== undefined && wanted === text[textAt])) {
      globAt++
      textAt++
    } else if (star !== undefined) {
      globAt = star.behind
      textAt = ++star.rest
    } else return false
  }
  while (glob[globAt] === '*') globAt++
  return globAt === glob.length
}
