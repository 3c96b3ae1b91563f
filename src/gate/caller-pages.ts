import type { LanesView } from '../admission/contract.ts'
import type { Budgets } from '../callers/budgets.ts'
import type { Key } from '../callers/caller.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Access, AccessRefusal } from '../http/access.ts'
import type { CallerPages } from '../http/services.ts'
import type { KnownCaller } from '../telemetry/caller-figures.ts'
import { authOf, keysOf } from './caller-settings.ts'

interface CallerPagesParts {
  readonly access: Pick<Access, 'callerOf' | 'refused'>
  readonly admission: Pick<LanesView, 'callers'>
  readonly budgets: Pick<Budgets, 'used'>
  readonly clock: Pick<Clock, 'wallTime'>
  /** The configuration in force. */
  readonly config: () => Config
}

/** Callers without a key on a page. Anybody can come from any number of addresses. */
const MOST_WITHOUT_KEY = 100

/** What pages show of callers, as far as the lanes and the budgets of this process know them. */
export function callerPages({ access, admission, budgets, clock, config }: CallerPagesParts): CallerPages {
  const keys = keysInForce(config)
  return {
    views() {
      const callers = new Map(Array.from(admission.callers(), (view) => [view.id, view]))
      const at = clock.wallTime()
      const known: KnownCaller[] = []
      for (const key of keys()) {
        const use = budgets.used(key, at)
        const now = callers.get(key.name)
        callers.delete(key.name)
        if (now === undefined && use.day.slotSeconds === 0 && use.day.tokens === 0) continue
        known.push({ id: key.name, key, use, active: now?.active ?? 0, queued: now?.queued ?? 0 })
      }
      const others = Array.from(callers.values(), ({ id, active, queued }) => {
        return { id, active, queued, key: undefined, use: undefined }
      })
      const busiest = others.sort(byCalls).slice(0, MOST_WITHOUT_KEY)
      return [...known, ...busiest].sort(byCalls)
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

/** Those with most calls first, then those that used most today, then by name. */
function byCalls(a: KnownCaller, b: KnownCaller): number {
  const calls = b.active + b.queued - a.active - a.queued
  if (calls !== 0) return calls
  const used = (b.use?.day.slotSeconds ?? 0) - (a.use?.day.slotSeconds ?? 0)
  return used !== 0 ? used : a.id < b.id ? -1 : 1
}
