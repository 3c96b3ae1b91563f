import type { Clock } from '../clock.ts'
import type { LiveRequest } from '../pages/monitor.ts'
import type { Requester } from '../relay/contract.ts'
import { listOf } from '../telemetry/live-queue.ts'
import { JsonText } from './shared-pages.ts'

/** One list keeps the finished pages of this many models. */
const MOST_PAGES = 32

const NO_CALLS: readonly LiveRequest[] = []

/** The calls that are not over, at one moment. All pages and listeners share one look. Parts are made when asked for. */
export class ListedCalls {
  /** Clock milliseconds. */
  readonly madeAt: number
  readonly #sorted: readonly LiveRequest[]
  readonly #pages = new Map<string | undefined, JsonText>()
  #byCaller: ReadonlyMap<string, readonly LiveRequest[]> | undefined
  #byId: ReadonlyMap<string, LiveRequest> | undefined

  constructor(sorted: readonly LiveRequest[], madeAt: number) {
    this.#sorted = sorted
    this.madeAt = madeAt
  }

  /** `GET /queue/requests`. `model`: a key, or undefined for all models. */
  page(model?: string): JsonText {
    const known = this.#pages.get(model)
    if (known) return known
    const page = new JsonText(listOf(this.#sorted, model))
    if (this.#pages.size < MOST_PAGES) this.#pages.set(model, page)
    return page
  }

  /** `caller`: Caller.id. */
  ofCaller(caller: string): readonly LiveRequest[] {
    this.#byCaller ??= byCaller(this.#sorted)
    return this.#byCaller.get(caller) ?? NO_CALLS
  }

  /** No two calls that live at the same time have the same id. */
  withId(id: string): LiveRequest | undefined {
    this.#byId ??= new Map(this.#sorted.map((request) => [request.id, request]))
    return this.#byId.get(id)
  }
}

/**
 * Whether a call is a client's own. People behind one key do not see the calls of each other. A client with the key that
 * names no person is the holder of the key, and sees the calls of all.
 */
export function isOwn(
  call: { readonly caller: string; readonly user: string | null },
  { caller, user }: Pick<Requester, 'caller' | 'user'>,
): boolean {
  return call.caller === caller.id && (user === undefined || call.user === user)
}

/** A list serves callers for so many times the time that making it took, and for a second at most. */
const MAKING_SHARE = 20
const LONGEST_MS = 1_000

/**
 * The list for callers that ask about their own calls. Thousands of them may wait, and all of them may ask all the time. So
 * making the list takes at most a twentieth of the time while they do, and a long list may be a second old.
 */
export function listForCallers(list: () => ListedCalls, clock: Pick<Clock, 'now'>): () => ListedCalls {
  let last: ListedCalls | undefined
  let lastsUntil = Number.NEGATIVE_INFINITY
  return () => {
    const now = clock.now()
    if (last !== undefined && now < lastsUntil) return last
    last = list()
    lastsUntil = now + Math.min((clock.now() - now) * MAKING_SHARE, LONGEST_MS)
    return last
  }
}

function byCaller(requests: readonly LiveRequest[]): ReadonlyMap<string, readonly LiveRequest[]> {
  const groups = new Map<string, LiveRequest[]>()
  for (const request of requests) {
    const group = groups.get(request.caller)
    if (group) group.push(request)
    else groups.set(request.caller, [request])
  }
  return groups
}
