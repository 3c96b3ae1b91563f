import { Hono } from 'hono'
import { classInForce } from '../../callers/call-class.ts'
import type { Use } from '../../callers/caller.ts'
import { mayUse } from '../../callers/permissions.ts'
import type { MePage } from '../../pages/me.ts'
import type { LiveRequest } from '../../pages/monitor.ts'
import { callerFigures } from '../../telemetry/caller-figures.ts'
import { listOf } from '../../telemetry/live-queue.ts'
import { answer } from '../answer.ts'
import { isOwn, type ListedCalls } from '../listed-calls.ts'
import type { CallerPages, OwnCaller, Services } from '../services.ts'
import type { SharedPages } from '../shared-pages.ts'
import { refuseWithoutStats } from './queue.ts'

const USES: readonly Use[] = ['infer', 'view', 'manage']
const IDLE = { active: 0, queued: 0 }

/** What a caller may know of itself, and of nobody else. `calls`: undefined where calls are in other processes. */
export function meRoutes(
  services: Services,
  callers: CallerPages,
  calls: (() => ListedCalls) | undefined,
  shared: SharedPages,
): Hono {
  const { admission } = services
  // The page is made for each client. To count takes time, and any client may ask, so the counts are shared.
  const counts = shared.share(
    () =>
      new Map(Array.from(admission.callers(), ({ id, active, queued }) => [id, { active, queued }] as const)),
  )
  return new Hono().get('/queue/me', refuseWithoutStats(services), async (c) => {
    const own = await callers.me(c)
    const { id } = own.caller
    return answer(pageOf(own, counts().get(id) ?? IDLE, calls?.().ofCaller(id)))
  })
}

/** `calls`: all calls of the caller; undefined where they are in other processes. */
function pageOf(own: OwnCaller, counts: typeof IDLE, calls: readonly LiveRequest[] | undefined): MePage {
  const { caller, user, use } = own
  const { id, key } = caller
  return {
    ...callerFigures({ id, key, use, ...counts }),
    user: user ?? null,
    class: classInForce(undefined, key),
    max_class: key?.maxClass ?? 'normal',
    weight: caller.limits.weight ?? 1,
    may: USES.filter((each) => mayUse(caller, each)),
    models: key?.models === undefined ? null : [...key.models],
    resets_at: use === undefined ? null : { day: iso(use.day.resetsAt), month: iso(use.month.resetsAt) },
    ...(calls &&
      listOf(
        calls.filter((call) => isOwn(call, own)),
        undefined,
      )),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
