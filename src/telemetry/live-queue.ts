import type { LaneView } from '../admission/contract.ts'
import type { LiveQueue, LiveRequest } from '../pages/monitor.ts'
import type { LiveCall } from '../relay/contract.ts'
import { hundredths } from './snapshot.ts'

/** Longest list that is given; the total counts all. */
const MOST_LISTED = 500

/** The part of a lane that tells its line. */
type QueueView = Pick<LaneView, 'limits' | 'paused' | 'estimate' | 'waiting'>

/** Who runs, the longest first, and who waits, in their order. */
export function sortedCalls(calls: Iterable<LiveCall>, lanes: Iterable<QueueView>): readonly LiveRequest[] {
  const places = placesOf(lanes)
  return Array.from(calls, (call) => requestOf(call, call.ticket && places.get(call.ticket))).sort(byTurn)
}

/** `model`: its key, or undefined for all. */
export function listOf(sorted: readonly LiveRequest[], model: string | undefined): LiveQueue {
  const requests = model === undefined ? sorted : sorted.filter((request) => request.model === model)
  return { total: requests.length, requests: requests.slice(0, MOST_LISTED) }
}

interface PlaceInLine {
  readonly position: number
  readonly startsInMs: number | undefined
}

function placesOf(lanes: Iterable<QueueView>): Map<object, PlaceInLine> {
  const places = new Map<object, PlaceInLine>()
  for (const lane of lanes) {
    let ahead = 0
    for (const place of lane.waiting()) {
      const startsInMs = lane.paused ? undefined : lane.estimate.waitMs(ahead, lane.limits.parallel)
      ahead++
      places.set(place, { position: ahead, startsInMs })
    }
  }
  return places
}

function requestOf(call: LiveCall, place: PlaceInLine | undefined): LiveRequest {
  return {
    id: call.id,
    model: call.model ?? null,
    client: call.client,
    path: call.path,
    state: call.state,
    position: place?.position ?? null,
    waited_ms: hundredths(call.waitedMs),
    estimated_start_ms: place?.startsInMs === undefined ? null : hundredths(place.startsInMs),
    running_ms: call.runningMs === undefined ? null : hundredths(call.runningMs),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    tokens_out: call.chunks,
  }
}

const RANK: Readonly<Record<string, number>> = { running: 0, waiting: 1, reading: 2 }

function byTurn(a: LiveRequest, b: LiveRequest): number {
  if (a.state !== b.state) return (RANK[a.state] ?? 0) - (RANK[b.state] ?? 0)
  if (a.state === 'running') return (b.running_ms ?? 0) - (a.running_ms ?? 0)
  return (a.position ?? 0) - (b.position ?? 0) || b.waited_ms - a.waited_ms
}
