import { z } from 'zod'
import { didYouMean } from './near-miss.ts'

/** A Node timer that is asked for more fires at once, so no deadline may be longer. */
const LONGEST_TIMER_SECONDS = 2_147_483
/** Node 20 cannot hold more than this in one buffer. */
const LARGEST_BODY = 4 * 2 ** 30

/** A slot takes two sockets: more calls at once than this are more than one process and one Ollama can run. */
export const MOST_PARALLEL = 10_000
/** A waiting call takes a socket and its body: a process runs out of both long before a line is this long. */
export const MOST_QUEUED = 1_000_000

const SIZE = /^(\d+)(KiB|MiB|GiB)?$/i
const UNITS: Readonly<Record<string, number>> = { kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 }

/** Bytes of `1048576`, `64KiB`, `100MiB` or `1GiB`; undefined for anything else. */
export function parseSize(written: string | number): number | undefined {
  const match = SIZE.exec(String(written))
  if (!match) return undefined
  const bytes = Number(match[1]) * (match[2] ? (UNITS[match[2].toLowerCase()] ?? Number.NaN) : 1)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

// Every schema carries the whole sentence of its error; the loader adds what it got instead.

export function integer(min: number, max: number) {
  return integerWith(`expected an integer from ${min} to ${max}`, min, max)
}

function integerWith(error: string, min: number, max: number) {
  // One mistake is one problem: what is no integer is not compared.
  return z.int({ error, abort: true }).min(min, { error }).max(max, { error })
}

export function text(what: string, pattern = /\S/) {
  const error = `expected ${what}`
  return z.string({ error }).regex(pattern, { error })
}

export function oneOf<const T extends readonly [string, ...string[]]>(choices: T) {
  return z.enum(choices, { error: `expected one of ${choices.join(', ')}` })
}

export function boolean() {
  return z.boolean({ error: 'expected true or false' })
}

/** Seconds, decimals allowed. */
export function seconds(least: 'above zero' | 'zero or more') {
  const floor = least === 'above zero' ? '> 0' : '>= 0'
  const error = `expected seconds ${floor} and at most ${LONGEST_TIMER_SECONDS} (the longest possible timer)`
  const schema = z.number({ error }).max(LONGEST_TIMER_SECONDS, { error })
  return least === 'above zero' ? schema.gt(0, { error }) : schema.gte(0, { error })
}

/** Written as bytes or with a unit, parsed to bytes. */
export function size(bound: 'one buffer' | 'any') {
  const most = bound === 'one buffer' ? ' and at most 4GiB (the largest possible buffer)' : ''
  const error = `expected bytes or a size like 64KiB, 100MiB, 1GiB, at least 1${most}`
  return z.union([z.number(), z.string()], { error }).transform((written, context) => {
    const bytes = parseSize(written)
    if (bytes !== undefined && bytes >= 1 && (bound === 'any' || bytes <= LARGEST_BODY)) return bytes
    context.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}

/** Decimals allowed. */
export function numberFrom(unit: string, least: number, most: number) {
  const error = `expected ${unit} from ${least} to ${most}`
  return z.number({ error }).gte(least, { error }).lte(most, { error })
}

export interface Levels {
  readonly warning: number
  readonly critical: number
}

/**
 * A map of warning and critical, either left out for its default, or "off". Not a union, which would tell of one
 * mistake inside the map no more than that there is one.
 */
export function levels(unit: 'percent' | 'seconds', defaults: Levels) {
  // From the smallest that figures show: 0 would stand for ever.
  const figure = numberFrom(unit, 0.01, unit === 'percent' ? 100 : LONGEST_TIMER_SECONDS)
  const map = z.strictObject(
    { warning: figure.prefault(defaults.warning), critical: figure.prefault(defaults.critical) },
    { error: 'expected a map of warning and critical, or off' },
  )
  const either = z.unknown().transform((written, context): Levels | 'off' => {
    if (written === 'off') return 'off'
    const both = read(map, written, context)
    if (both === undefined || both.critical >= both.warning) return both ?? z.NEVER
    const message = `critical (${both.critical}) must not be below warning (${both.warning})`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  return either.prefault(defaults)
}

/** A map each key of which has a default; it may be empty, as when every line of it is commented out. */
export function settings<S extends z.ZodRawShape>(shape: S, what: string) {
  const map = z.strictObject(shape, { error: `expected ${what}` })
  return z.unknown().transform((written, context) => read(map, written ?? {}, context) ?? z.NEVER)
}

/** Reads a map and tells of each flaw at its own place; an unknown key with the known one that was likely meant. */
function read<M extends z.ZodObject>(
  map: M,
  written: unknown,
  context: z.core.$RefinementCtx,
): z.output<M> | undefined {
  const { data, error } = map.safeParse(written)
  for (const issue of error?.issues ?? []) {
    const tell = (message: string, path: readonly PropertyKey[]) =>
      context.addIssue({ code: 'custom', message, path: [...path] })
    if (issue.code !== 'unrecognized_keys') tell(issue.message, issue.path)
    else
      for (const key of issue.keys)
        tell(`unknown key${didYouMean(key, Object.keys(map.shape))}`, [...issue.path, key])
  }
  return data
}

export function parallel() {
  const error = `expected "auto" or an integer from 1 to ${MOST_PARALLEL}`
  return z.union([z.literal('auto'), integerWith(error, 1, MOST_PARALLEL)], { error })
}

export function host() {
  const name = '[a-z0-9_][a-z0-9_.-]*'
  const ipv6 = String.raw`(?=.*:.*:)[0-9a-f:.]+(?:%[\w.-]+)?`
  return text(
    'a host name or address, without scheme, brackets or port',
    new RegExp(`^(?:${name}|${ipv6})$`, 'i'),
  )
}

/** Printable ASCII without spaces: anything else cannot travel in a header. */
export function token() {
  return text(
    'text of printable ASCII characters without spaces (a number needs quotes in YAML)',
    /^[\x21-\x7e]+$/,
  )
}

/** Scheme and credentials as they stand in a header. No error repeats them. */
export function authorization() {
  const error =
    'must be a scheme and its credentials in printable ASCII on one line, like "Bearer abc" or "Basic dXNlcjpwYXNz"'
  return z.string({ error }).regex(/^[A-Za-z][\w.~-]* +[\x21-\x7e]+(?: +[\x21-\x7e]+)*$/, { error })
}

/** An address without its trailing slash; a path in front of Ollama's own is kept. */
export function url() {
  const error = 'expected an address like http://127.0.0.1:11434'
  return z.string({ error }).transform((written, context) => {
    const refuse = (message: string): never => {
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
    const parsed = URL.canParse(written) ? new URL(written) : undefined
    if (!parsed || !/^https?:$/.test(parsed.protocol)) {
      const guess = `http://${written}`
      if (written.includes('@'))
        return refuse('is not an address, and must not contain a user name or a password')
      const hint = /^[\w.-]+:\d+\/?$/.test(written) ? `; did you mean ${guess}?` : ''
      return refuse(`expected an address that begins with http:// or https://${hint}`)
    }
    if (parsed.username || parsed.password) return refuse('must not contain a user name or a password')
    if (parsed.search || parsed.hash) return refuse('must not contain a query or a fragment')
    return parsed.origin + parsed.pathname.replace(/\/+$/, '')
  })
}

/** Where notes are posted to. Its path and query often hold a secret, so no error repeats it. */
export function webhook() {
  const error = 'must be an address that begins with http:// or https://'
  return z.string({ error }).transform((written, context) => {
    const refuse = (message: string): never => {
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
    const parsed = URL.canParse(written) ? new URL(written) : undefined
    if (!parsed || !/^https?:$/.test(parsed.protocol)) return refuse(error)
    if (parsed.username || parsed.password) return refuse('must not contain a user name or a password')
    if (parsed.hash) return refuse('must not contain a fragment')
    return parsed.href
  })
}
