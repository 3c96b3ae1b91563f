import type { OwnCall } from '../../src/pages/own-call.ts'

/** A call of alice that is third in line, as `GET /queue/requests/{id}` tells of it. */
export function aWaitingCall(changes: Partial<OwnCall> = {}): OwnCall {
  const { id = 'mine' } = changes
  return {
    id,
    ticket: `/queue/ticket/${id}`,
    model: 'llama3.2',
    runner: null,
    client: '192.0.2.7',
    caller: 'alice',
    user: null,
    class: 'normal',
    path: '/api/chat',
    state: 'waiting',
    position: 3,
    waiting_for: 'slot',
    waited_ms: 12_345,
    estimated_start_ms: 40_000,
    running_ms: null,
    bytes_in: 512,
    bytes_out: 0,
    tokens_out: 0,
    outcome: null,
    reason: null,
    status: null,
    total_ms: null,
    ...changes,
  }
}
