import assert from 'node:assert/strict'
import { Pool } from 'undici'
import { callBody, TARGETS, WHOLE_ANSWER } from './answers.ts'
import type { Server } from './child.ts'
import { cpuSeconds } from './cpu.ts'

const BODY = callBody(false)

/** Sends so many calls, each connection one after another. Rejects when an answer is not the upstream's. */
export async function sendCalls(url: string, calls: number, connections: number): Promise<void> {
  const pool = new Pool(url, { connections })
  let left = calls
  const caller = async () => {
    while (left-- > 0) {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: TARGETS.whole,
        headers: { 'content-type': 'application/json' },
        body: BODY,
      })
      assert.equal(await body.text(), WHOLE_ANSWER)
      assert.equal(statusCode, 200)
    }
  }
  await Promise.all(Array.from({ length: connections }, caller))
  await pool.close()
}

/**
 * Microseconds of CPU that a server uses for each of so many calls. wrk counts time and not calls: on a busy machine
 * a server would get too few calls from wrk to be compiled. The load is a part of this process, which nobody measures.
 */
export async function microsecondsOfCalls({ url, pid }: Server, calls: number): Promise<number> {
  const before = cpuSeconds(pid)
  await sendCalls(url, calls, 64)
  return ((cpuSeconds(pid) - before) * 1e6) / calls
}
