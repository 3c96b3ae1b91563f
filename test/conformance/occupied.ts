import assert from 'node:assert/strict'
import { until } from '../support/until.ts'
import type { Pair, Target } from './pair.ts'
import { RawCall } from './raw-call.ts'

/** Takes a slot of llama3.2 with an answer that goes on until the caller leaves. */
export async function occupy(pair: Pair): Promise<RawCall> {
  const { active_requests } = await pair.stats()
  const call = new RawCall(pair.proxy.port)
  call.post(
    '/api/generate',
    JSON.stringify({ model: 'llama3.2', prompt: 'long', options: { num_predict: 4_000 } }),
  )
  await until('it streams', () => call.received.includes('"done":false'))
  await until('it has a slot', async () => (await pair.stats()).active_requests === active_requests + 1)
  return call
}

/** Waits until nothing runs and nothing waits, here and at the simulator. */
export async function quiet(pair: Pair): Promise<void> {
  await until('quiet', async () => {
    const { active_requests, queued_requests } = await pair.stats()
    const { active, waiting, onWire } = await pair.simulated()
    return active_requests + queued_requests + active + waiting + onWire === 0
  })
}

/** Waits until a call is given up whose client closed its connection before the first byte of the answer. */
export async function givenUp(pair: Pair, { gaps }: Target): Promise<void> {
  if (gaps?.silentFin) {
    assert.equal((await pair.stats()).active_requests, 1)
    await pair.simulator.stop('SIGKILL')
    await pair.restartSimulator()
  }
  await quiet(pair)
}

/** Waits until the connection is closed, as it is once its last answer is over. */
export async function closed(call: RawCall, { gaps }: Target): Promise<void> {
  if (gaps?.promptClose) call.leave('fin')
  await until('the connection is closed', () => call.closed)
}

/** Waits until no call holds a slot, right after an answer broke. */
export async function slotBack(pair: Pair): Promise<void> {
  // The connection of the broken answer is closing, and the client's pool may still pick it for the question.
  await until('the slot is back', async () => {
    const stats = await pair.stats().catch(() => undefined)
    return stats?.active_requests === 0
  })
}
