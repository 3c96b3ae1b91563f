import { type GatedRequest, readGatedRequest } from '../../../src/ollama/gated-request.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { bytesOf, type Request, ScriptedRequest } from '../../support/scripted-request.ts'

export const CALL = { maxBodyBytes: 2 ** 30, throwIfOver() {} }

/** Waits for a call that is read in turns, and counts the turns. */
export async function inTurns(
  clock: ManualClock,
  reading: Promise<GatedRequest>,
): Promise<{ call: GatedRequest; turns: number }> {
  let turns = 0
  let settled = false
  const call = reading.finally(() => {
    settled = true
  })
  call.catch(() => {})
  while (!settled) {
    await new Promise(setImmediate)
    turns += clock.pending
    clock.advance(0)
  }
  return { call: await call, turns }
}

/** Reads the body of a call to its end. */
export async function read(path: string, request: Request): Promise<GatedRequest> {
  const clock = new ManualClock()
  const client = new ScriptedRequest({ target: path, ...request })
  return (await inTurns(clock, readGatedRequest(client, path, bytesOf(request.body ?? ''), clock, CALL))).call
}
