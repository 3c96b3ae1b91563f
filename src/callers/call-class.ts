import { CALL_CLASSES, type CallClass, type Key } from './caller.ts'

/** One of the rules of class_from. */
export interface ClassRule {
  /** In lower case. */
  readonly header: string
  /** The class that any value of the header means. Undefined: the value names a class. */
  readonly then?: CallClass | undefined
}

/** The headers of a request. */
interface Headers {
  /** All values of a header, joined with commas. */
  header(lowerCaseName: string): string | undefined
}

/** In the order in which they are looked at. Other queues for models, and gateways, know them. */
const PRIORITY_HEADERS = ['x-queue-priority', 'x-request-priority']

/** Beside the names of the classes. A number says nothing: in some programs 1 is the most urgent, in others the least. */
const PRIORITIES: ReadonlyMap<string, CallClass> = new Map([
  ['high', 'interactive'],
  ['medium', 'normal'],
  ['low', 'batch'],
])

/** Of OpenAI's service_tier. Each other tier leaves the class to the key. */
const TIERS: ReadonlyMap<string, CallClass> = new Map([
  ['priority', 'interactive'],
  ['flex', 'batch'],
])

/** No word is longer. */
const LONGEST_WORD = 32

/** The value of a header without a value, also of a header that came several times. */
const NOTHING = /^[\s,]*$/

/** A placeholder that a program did not fill in, because this version of the program does not know it. */
const PLACEHOLDER = /^\s*\{\{[^{}]*\}\}\s*$/

/** The class that the headers of a request ask for. A value that is no word for a class says nothing. */
export function classByHeaders(request: Headers, rules: readonly ClassRule[]): CallClass | undefined {
  for (const { header, then } of rules) {
    const value = request.header(header)
    if (value === undefined) continue
    const asked = then === undefined ? named(value) : isSaid(value) ? then : undefined
    if (asked !== undefined) return asked
  }
  for (const header of PRIORITY_HEADERS) {
    const value = request.header(header)
    const asked = value === undefined ? undefined : (named(value) ?? PRIORITIES.get(wordOf(value)))
    if (asked !== undefined) return asked
  }
  return undefined
}

/** The class that a service_tier of OpenAI's API asks for. */
export function classByTier(tier: string | undefined): CallClass | undefined {
  return tier === undefined ? undefined : TIERS.get(tier)
}

/** The class of a call. `asked`: what the call asks for. */
export function classInForce(
  asked: CallClass | undefined,
  key: Pick<Key, 'class' | 'maxClass'> | undefined,
): CallClass {
  const wanted = asked ?? key?.class ?? 'normal'
  const most = key?.maxClass ?? 'normal'
  return isMoreUrgent(wanted, most) ? most : wanted
}

/** The most urgent class of a key that does not say: nobody gets in front by asking, and a key may use its own class. */
export function usualMaxClass(own: CallClass): CallClass {
  return isMoreUrgent(own, 'normal') ? own : 'normal'
}

export function isMoreUrgent(one: CallClass, other: CallClass): boolean {
  return CALL_CLASSES.indexOf(one) < CALL_CLASSES.indexOf(other)
}

function named(value: string): CallClass | undefined {
  const word = wordOf(value)
  return CALL_CLASSES.find((name) => name === word)
}

function wordOf(value: string): string {
  return value.length > LONGEST_WORD ? '' : value.trim().toLowerCase()
}

function isSaid(value: string): boolean {
  return !NOTHING.test(value) && !PLACEHOLDER.test(value)
}
