import type { LaneView, PlaceInLine } from '../admission/contract.ts'
import type { LiveQueue, LiveRequest } from '../pages/monitor.ts'
import type { LiveCall } from '../relay/live-call.ts'
import { type LineView, placesIn } from './places.ts'
import { hundredths } from './snapshot.ts'

/** Calls in a list. The total counts all calls. */
const MOST_LISTED = 500

/** The part of a lane from which the positions in line follow, and the names of its runner. */
type QueueView = LineView & Pick<LaneView, 'runner' | 'names'>

/** Running calls, the longest first, then calls in line, in the order of the line. */
export function sortedCalls(
  calls: Iterable<LiveCall>,
  lanes: Iterable<QueueView>,
  now: number,
): readonly LiveRequest[] {
  const all = [...lanes]
  const positions = placesIn(all, now)
  const runners = new Map(all.flatMap(({ names, runner }) => names.map((name) => [name, runner])))
  return Array.from(calls, (call) =>
    requestOf(call, runners.get(call.model ?? ''), call.ticket && positions.get(call.ticket)),
  ).sort(byState)
}

/** The path of the page on which a person follows a call. An id has only characters that a path may have. */
export function ticketOf(id: string): string {
  return `/queue/ticket/${id}`
}

/** `model`: the key of a model, or undefined for all models. */
export function listOf(sorted: readonly LiveRequest[], model: string | undefined): LiveQueue {
  const requests = model === undefined ? sorted : sorted.filter((request) => request.model === model)
  return { total: requests.length, requests: requests.slice(0, MOST_LISTED) }
}

function requestOf(call: LiveCall, runner: string | undefined, queued: PlaceInLine | undefined): LiveRequest {
  return {
    id: call.id,
    ticket: ticketOf(call.id),
    model: call.model ?? null,
    runner: runner ?? null,
    client: call.client,
    caller: call.caller,
    user: call.user ?? null,
    class: call.class,
    path: call.path,
    state: call.state,
    position: queued?.position ?? null,
    waiting_for: queued?.waitingFor ?? null,
    waited_ms: hundredths(call.waitedMs),
    estimated_start_ms: queued?.startsInMs === undefined ? null : hundredths(queued.startsInMs),
    running_ms: call.runningMs === undefined ? null : hundredths(call.runningMs),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    tokens_out: call.chunks,
  }
}

const RANK: Readonly<Record<string, number>> = { running: 0, waiting: 1, reading: 2 }

function byState(a: LiveRequest, b: LiveRequest): number {
  if (a.state !== b.state) return (RANK[a.state] ?? 0) - (RANK[b.state] ?? 0)
  if (a.state === 'running') return (b.running_ms ?? 0) - (a.running_ms ?? 0)
  return (a.position ?? 0) - (b.position ?? 0) || b.waited_ms - a.waited_ms
}
