import { type Context, Hono } from 'hono'
import type { LiveRequest } from '../../pages/monitor.ts'
import type { OwnCall } from '../../pages/own-call.ts'
import type { Requester } from '../../relay/contract.ts'
import type { LiveCall } from '../../relay/live-call.ts'
import { sortedCalls } from '../../telemetry/live-queue.ts'
import { endedOwnCall, liveOwnCall } from '../../telemetry/own-call.ts'
import { answer } from '../answer.ts'
import { CallFeed, callEvent } from '../call-feed.ts'
import { EVENT_STREAM, RETRY } from '../event-stream.ts'
import { isOwn, type ListedCalls } from '../listed-calls.ts'
import { HttpProblem } from '../problem.ts'
import type { Monitor, Services } from '../services.ts'

/** What a caller may know of one call of its own: as it is now, or as it moves. */
export function ownCallRoutes(
  services: Services,
  { calls, ended }: Pick<Monitor, 'calls' | 'ended'>,
  listed: () => ListedCalls,
): Hono {
  const { access, clock } = services
  const liveOf = (list: ListedCalls, id: string, viewer: Requester | undefined): OwnCall | undefined => {
    const request = list.withId(id) ?? newCall(calls.find(id), clock.now())
    return request && maySee(viewer, request) ? liveOwnCall(request) : undefined
  }
  const feed = new CallFeed({
    clock,
    ended,
    look() {
      const list = listed()
      return (id, viewer) => liveOf(list, id, viewer)
    },
    failed: services.reportError,
    stopped: services.draining,
    viewings: () => access.viewings,
  })
  /** The newest call with this id among those that the viewer may see. */
  const find = (id: string, viewer: Requester | undefined): OwnCall | undefined => {
    const list = listed()
    const live = liveOf(list, id, viewer)
    // The list may be a moment old, and the call may have ended since.
    const last = ended.find(id, (call) => maySee(viewer, call), live && list.madeAt)
    return last ? endedOwnCall(last) : live
  }
  return new Hono().get('/queue/requests/:id', async (c) => {
    const { viewings } = access
    const viewer = await access.viewerOf(c)
    const call = find(c.req.param('id'), viewer)
    // A call of somebody else is as good as none, so that nobody learns of the calls of others.
    if (call === undefined) throw new HttpProblem('request_not_found')
    if (!wantsEvents(c)) return answer(call)
    // The answer to HEAD has no body, and a stream without a reader would never be closed.
    if (c.req.method === 'HEAD') return new Response(null, { headers: EVENT_STREAM })
    const isOver = call.state === 'done'
    const follower = { address: access.accountOf(c), viewer, viewings }
    return new Response(isOver ? RETRY + callEvent(call) : feed.open(call, follower), {
      headers: EVENT_STREAM,
    })
  })
}

/** A call that came after the list was made. Its place in line is not known yet. */
function newCall(call: LiveCall | undefined, now: number): LiveRequest | undefined {
  return call && sortedCalls([call], [], now)[0]
}

function maySee(viewer: Requester | undefined, call: Parameters<typeof isOwn>[0]): boolean {
  return viewer === undefined || isOwn(call, viewer)
}

/** `*` does not count: whoever takes anything is given JSON. */
function wantsEvents(c: Context): boolean {
  return /(?:^|,)\s*text\/event-stream\b/i.test(c.req.header('accept') ?? '')
}
