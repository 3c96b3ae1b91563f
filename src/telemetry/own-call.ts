import type { LiveRequest } from '../pages/monitor.ts'
import type { OwnCall } from '../pages/own-call.ts'
import type { FinishedCall } from '../relay/contract.ts'
import { meantStatus } from '../relay/meant-status.ts'
import { ticketOf } from './live-queue.ts'
import { isSuperseded } from './meters.ts'
import { hundredths } from './snapshot.ts'

/** `GET /queue/requests/{id}` for a call that is not over. */
export function liveOwnCall(request: LiveRequest): OwnCall {
  return { ...request, outcome: null, reason: null, status: null, total_ms: null }
}

/** The same for a call that is over. Why Ollama could not be reached is no matter of callers, so it is left out. */
export function endedOwnCall(call: FinishedCall): OwnCall {
  const status = meantStatus(call)
  return {
    id: call.requestId,
    ticket: ticketOf(call.requestId),
    model: call.model,
    runner: null,
    client: call.client,
    caller: call.caller,
    user: call.user,
    class: call.class,
    path: call.path,
    state: 'done',
    position: null,
    waiting_for: null,
    waited_ms: hundredths(call.waitMs),
    estimated_start_ms: null,
    running_ms: call.sentMs === null ? null : hundredths(call.totalMs - call.sentMs),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    tokens_out: call.tokensOut ?? call.parts ?? 0,
    outcome: call.outcome,
    reason: isSuperseded(call) ? 'superseded' : call.reason,
    status: status === 0 ? null : status,
    total_ms: hundredths(call.totalMs),
  }
}
