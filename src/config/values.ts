import { z } from 'zod'
import { parseModelName } from '../ollama/model-name.ts'
import { didYouMean } from './near-miss.ts'

/** A Node timer with a longer delay fires at once. */
const LONGEST_TIMER_SECONDS = 2_147_483
/** The largest buffer of Node 20. */
const LARGEST_BODY = 4 * 2 ** 30

/** A running call takes two sockets. One process and one Ollama cannot run more calls than this. */
export const MOST_PARALLEL = 10_000
/** A waiting call takes a socket and memory for its body. A process runs out of both before a line is this long. */
export const MOST_QUEUED = 1_000_000

const SIZE = /^(\d+)(KiB|MiB|GiB)?$/i
const UNITS: Readonly<Record<string, number>> = { kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 }

/** Bytes of `1048576`, `64KiB`, `100MiB` or `1GiB`; undefined for anything else. */
function parseSize(written: string | number): number | undefined {
  const match = SIZE.exec(String(written))
  if (!match) return undefined
  const bytes = Number(match[1]) * (match[2] ? (UNITS[match[2].toLowerCase()] ?? Number.NaN) : 1)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

// Every schema carries the whole sentence of its error. check.ts appends the value that it got.

export function integer(min: number, max: number) {
  return integerWith(`expected an integer from ${min} to ${max}`, min, max)
}

function integerWith(error: string, min: number, max: number) {
  // `abort`: a value that is not an integer is one problem, so min and max are not checked as well.
  return z.int({ error, abort: true }).min(min, { error }).max(max, { error })
}

export function text(what: string, pattern = /\S/) {
  const error = `expected ${what}`
  return z.string({ error }).regex(pattern, { error })
}

export function oneOf<const T extends readonly [string, ...string[]]>(choices: T) {
  return z.enum(choices, { error: `expected one of ${choices.join(', ')}` })
}

export function listOf<S extends z.ZodType>(item: S, what: string) {
  return z.array(item, { error: `expected ${what}` })
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}(?:/(?:3[0-2]|[12]?\\d))?$`)

/** Whether a text is an address or a network in CIDR notation. */
function isNetwork(text: string): boolean {
  if (IPV4.test(text)) return true
  const [address = '', bits, more] = text.split('/')
  const hasBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= 128)
  return address.includes(':') && hasBits && more === undefined && URL.canParse(`http://[${address}]/`)
}

/** Addresses and networks: one, or a list of them. */
export function networks(what: string) {
  const error = `expected ${what}`
  const each = z.string({ error }).refine(isNetwork, { error })
  return z.union([each.transform((one) => [one]), z.array(each)], { error })
}

export function boolean() {
  return z.boolean({ error: 'expected true or false' })
}

/** Seconds; decimals are allowed. */
export function seconds(least: 'above zero' | 'zero or more') {
  const floor = least === 'above zero' ? '> 0' : '>= 0'
  const error = `expected seconds ${floor} and at most ${LONGEST_TIMER_SECONDS} (the longest possible timer)`
  const schema = z.number({ error }).max(LONGEST_TIMER_SECONDS, { error })
  return least === 'above zero' ? schema.gt(0, { error }) : schema.gte(0, { error })
}

/** Bytes, from a number or from text with a unit. */
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

/** Decimals are allowed. */
export function numberFrom(unit: string, least: number, most: number) {
  const error = `expected ${unit} from ${least} to ${most}`
  return z.number({ error }).gte(least, { error }).lte(most, { error })
}

/** The share beside others. The bounds keep sums of times over weights exact enough. */
export function weight() {
  return numberFrom('a weight', 0.001, 1_000_000)
}

export interface Levels {
  readonly warning: number
  readonly critical: number
}

/**
 * A map of warning and critical, each with a default, or "off". This is not a zod union: a union reports a mistake
 * inside the map without its place.
 */
export function levels(unit: 'percent' | 'seconds', defaults: Levels) {
  // 0.01 is the smallest step that the pages show. A threshold of 0 would raise an alert that never clears.
  const figure = numberFrom(unit, 0.01, unit === 'percent' ? 100 : LONGEST_TIMER_SECONDS)
  const map = z.strictObject(
    { warning: figure.prefault(defaults.warning), critical: figure.prefault(defaults.critical) },
    { error: 'expected a map of warning and critical, or off' },
  )
  const either = z.unknown().transform((written, context): Levels | 'off' => {
    if (written === 'off') return 'off'
    const both = parseMap(map, written, context)
    if (both === undefined || both.critical >= both.warning) return both ?? z.NEVER
    const message = `critical (${both.critical}) must not be below warning (${both.warning})`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
  return either.prefault(defaults)
}

/** A map whose keys all have defaults. It may be empty: in YAML, a map with every line commented out is null. */
export function settings<S extends z.ZodRawShape>(shape: S, what: string) {
  const map = z.strictObject(shape, { error: `expected ${what}` })
  return z.unknown().transform((written, context) => parseMap(map, written ?? {}, context) ?? z.NEVER)
}

/** Fewer sets, and fewer names in a set, than any machine needs. */
const MOST_TOGETHER = 100

/** Sets of models that fit into memory together. The list may be empty: in YAML, a list without items is null. */
export function modelSets() {
  const oneOfThem = 'expected a model that runs on this machine, by its name in ollama list'
  const name = z.string({ error: oneOfThem }).refine((name) => parseModelName(name)?.cloud === false, {
    error: oneOfThem,
  })
  const error = `expected a list of 2 to ${MOST_TOGETHER} model names`
  const twoSpellings = 'expected at least two different models'
  const set = z
    .array(name, { error })
    .min(2, { error, abort: true })
    .max(MOST_TOGETHER, { error })
    .refine((names) => new Set(names.map((name) => parseModelName(name)?.key)).size > 1, {
      error: twoSpellings,
    })
  const most = `expected at most ${MOST_TOGETHER} lists of model names`
  return z
    .array(set, { error: most })
    .max(MOST_TOGETHER, { error: most })
    .nullable()
    .transform((sets) => sets ?? [])
}

/** Parses a map and reports each mistake at its own path, an unknown key with the nearest known key. */
export function parseMap<M extends z.ZodObject>(
  map: M,
  written: unknown,
  context: z.core.$RefinementCtx,
): z.output<M> | undefined {
  const { data, error } = map.safeParse(written)
  for (const issue of error?.issues ?? []) {
    const report = (message: string, path: readonly PropertyKey[]) =>
      context.addIssue({ code: 'custom', message, path: [...path] })
    if (issue.code !== 'unrecognized_keys') report(issue.message, issue.path)
    else
      for (const key of issue.keys)
        report(`unknown key${didYouMean(key, Object.keys(map.shape))}`, [...issue.path, key])
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

/** Printable ASCII without spaces: a header can carry no other text. */
export function token() {
  return text(
    'text of printable ASCII characters without spaces (a number needs quotes in YAML)',
    /^[\x21-\x7e]+$/,
  )
}

/** Scheme and credentials of an Authorization header. No error repeats the value, since it is a secret. */
export function authorization() {
  const error =
    'must be a scheme and its credentials in printable ASCII on one line, like "Bearer abc" or "Basic dXNlcjpwYXNz"'
  return z.string({ error }).regex(/^[A-Za-z][\w.~-]* +[\x21-\x7e]+(?: +[\x21-\x7e]+)*$/, { error })
}

const NO_CREDENTIALS = 'must not contain a user name or a password'

/** The address of a server. `problemOf`: the first mistake in a text. `url` is undefined without http:// or https://. */
function address(error: string, problemOf: (url: URL | undefined, written: string) => string | undefined) {
  const checked = z.string({ error }).superRefine((written, context) => {
    const parsed = URL.canParse(written) ? new URL(written) : undefined
    const url = parsed && /^https?:$/.test(parsed.protocol) ? parsed : undefined
    const message = url?.username || url?.password ? NO_CREDENTIALS : problemOf(url, written)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
  return checked.transform((written) => new URL(written))
}

/** An address without a slash at its end. A path is kept: Ollama's own paths are appended to it. */
export function url() {
  const schema = address('expected an address like http://127.0.0.1:11434', (url, written) => {
    if (url) return url.search || url.hash ? 'must not contain a query or a fragment' : undefined
    if (written.includes('@')) return `is not an address, and ${NO_CREDENTIALS}`
    const hint = /^[\w.-]+:\d+\/?$/.test(written) ? `; did you mean http://${written}?` : ''
    return `expected an address that begins with http:// or https://${hint}`
  })
  return schema.transform(({ origin, pathname }) => origin + pathname.replace(/\/+$/, ''))
}

/** Address of a webhook. Path and query often hold a secret, so no error repeats the address. */
export function webhook() {
  const error = 'must be an address that begins with http:// or https://'
  const schema = address(error, (url) => {
    if (!url) return error
    return url.hash ? 'must not contain a fragment' : undefined
  })
  return schema.transform(({ href }) => href)
}
