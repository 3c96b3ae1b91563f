import type { CallerView, LanesView } from '../admission/contract.ts'
import type { Budgets } from '../callers/budgets.ts'
import type { Key } from '../callers/caller.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Access, AccessRefusal } from '../http/access.ts'
import type { CallerPages } from '../http/services.ts'
import type { KnownCaller } from '../telemetry/caller-figures.ts'
import type { Shares, SharesNow } from '../telemetry/shares.ts'
import { authOf, keysOf } from './caller-settings.ts'

interface CallerPagesParts {
  readonly access: Pick<Access, 'callerOf' | 'refused'>
  readonly admission: Pick<LanesView, 'callers'>
  readonly budgets: Pick<Budgets, 'used'>
  readonly clock: Pick<Clock, 'wallTime'>
  /** The configuration in force. */
  readonly config: () => Config
  readonly shares: Pick<Shares, 'now'>
}

/** Callers without a key on a page. Anybody can come from any number of addresses. */
const MOST_WITHOUT_KEY = 100

/** What pages show of callers, as far as the lanes and the budgets of this process know them. */
export function callerPages({
  access,
  admission,
  budgets,
  clock,
  config,
  shares,
}: CallerPagesParts): CallerPages {
  const keys = keysInForce(config)
  return {
    now() {
      const sharesNow = shares.now()
      const countsOf = countsNow(admission, sharesNow)
      const at = clock.wallTime()
      const known: KnownCaller[] = []
      for (const key of keys()) {
        const use = budgets.used(key, at)
        const counts = countsOf.get(key.name)
        countsOf.delete(key.name)
        if (counts === undefined && use.day.slotSeconds === 0 && use.day.tokens === 0) continue
        known.push({ id: key.name, key, use, ...(counts ?? IDLE) })
      }
      const others = Array.from(countsOf, ([id, counts]) => ({
        id,
        key: undefined,
        use: undefined,
        ...counts,
      }))
      const order = byCalls(sharesNow)
      const busiest = others.sort(order).slice(0, MOST_WITHOUT_KEY)
      return { callers: [...known, ...busiest].sort(order), shares: sharesNow }
    },
    auth: () => ({ mode: authOf(config()), refused: { ...access.refused } }),
    async me(c) {
      const { caller, user } = await access.callerOf(c)
      return { caller, user, use: caller.key && budgets.used(caller.key, clock.wallTime()) }
    },
  }
}

const NOBODY_REFUSED: Readonly<Record<AccessRefusal, number>> = {
  no_key: 0,
  wrong_key: 0,
  wrong_user: 0,
  wrong_signature: 0,
  signature_expired: 0,
  signature_replayed: 0,
  route_not_allowed: 0,
  use_not_allowed: 0,
  model_not_allowed: 0,
  insufficient_quota: 0,
}

/** How many requests were refused for each reason, zeros included. */
export function allRefused({ refused }: Pick<Access, 'refused'>): Readonly<Record<string, number>> {
  return { ...NOBODY_REFUSED, ...refused }
}

/** A configuration can have thousands of keys, so they are made once for each configuration. */
function keysInForce(config: () => Config): () => readonly Key[] {
  let made: { readonly from: Config; readonly keys: readonly Key[] } | undefined
  return () => {
    const from = config()
    if (made?.from !== from) made = { from, keys: keysOf(from) }
    return made.keys
  }
}

const IDLE = { active: 0, queued: 0 }

/** The calls of all callers that have some, or had some of late. By Caller.id. */
function countsNow(
  admission: CallerPagesParts['admission'],
  { callers }: SharesNow,
): Map<string, Pick<CallerView, 'active' | 'queued'>> {
  const counts = new Map(Array.from(callers.keys(), (id) => [id, IDLE]))
  for (const { id, active, queued } of admission.callers()) counts.set(id, { active, queued })
  return counts
}

/** Those with most calls first, then those with most slot-time of late, then those that used most today, then by name. */
function byCalls({ callers }: SharesNow): (a: KnownCaller, b: KnownCaller) => number {
  const recent = ({ id }: KnownCaller) => callers.get(id)?.slotMs ?? 0
  const today = ({ use }: KnownCaller) => use?.day.slotSeconds ?? 0
  return (a, b) =>
    b.active + b.queued - a.active - a.queued ||
    recent(b) - recent(a) ||
    today(b) - today(a) ||
    (a.id < b.id ? -1 : 1)
}
