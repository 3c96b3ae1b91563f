import { Hono } from 'hono'
import { classInForce } from '../../callers/call-class.ts'
import type { Use } from '../../callers/caller.ts'
import { mayUse } from '../../callers/permissions.ts'
import type { MePage } from '../../pages/me.ts'
import type { LiveRequest } from '../../pages/monitor.ts'
import { callerFigures } from '../../telemetry/caller-figures.ts'
import { listOf, sortedCalls } from '../../telemetry/live-queue.ts'
import { answer } from '../answer.ts'
import type { CallerPages, Monitor, OwnCaller, Services } from '../services.ts'
import type { SharedPages } from '../shared-pages.ts'
import { refuseWithoutStats } from './queue.ts'

const USES: readonly Use[] = ['infer', 'view', 'manage']
const IDLE = { active: 0, queued: 0 }
const NO_CALLS: readonly LiveRequest[] = []

/** What a caller may know of itself, and of nobody else. `monitored`: undefined where calls are in other processes. */
export function meRoutes(
  services: Services,
  callers: CallerPages,
  monitored: Pick<Monitor['calls'], 'live'> | undefined,
  shared: SharedPages,
): Hono {
  const { admission, clock } = services
  // The page is made for each client. The list of all calls takes time, and any client may ask, so the list is shared.
  const now = shared.share(() => ({
    calls: monitored && byCaller(sortedCalls(monitored.live(), admission.lanes(), clock.now())),
    counts: new Map(
      Array.from(admission.callers(), ({ id, active, queued }) => [id, { active, queued }] as const),
    ),
  }))
  return new Hono().get('/queue/me', refuseWithoutStats(services), async (c) => {
    const own = await callers.me(c)
    const { calls, counts } = now()
    const { id } = own.caller
    return answer(pageOf(own, counts.get(id) ?? IDLE, calls && (calls.get(id) ?? NO_CALLS)))
  })
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

/** `calls`: all calls of the caller; undefined where they are in other processes. People behind one key do not see the calls of each other. */
function pageOf(
  { caller, user, use }: OwnCaller,
  counts: typeof IDLE,
  calls: readonly LiveRequest[] | undefined,
): MePage {
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
    ...(calls && listOf(user === undefined ? calls : calls.filter((call) => call.user === user), undefined)),
  }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
