import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Clock } from '../clock.ts'
import { Failure } from '../relay/failure.ts'
import { HttpProblem } from './problem.ts'

const LARGEST_BODY_BYTES = 64 * 1024

/** The whole body of a request for one of our own pages has to arrive within this time, even when it comes steadily. */
const BODY_MS = 30_000

const limited = bodyLimit({
  maxSize: LARGEST_BODY_BYTES,
  onError: () => {
    throw new Failure('body_too_large')
  },
})

/**
 * Reads the whole body before the route runs. Throws body_too_large or body_stalled. The route then never runs, even if
 * the rest of the body arrives later.
 */
export function boundedBody(clock: Clock): MiddlewareHandler {
  return async function boundBody(c, next) {
    await inTime(clock, readWhole(c))
    await next()
  }
}

/** Hono keeps the bytes, so that the route can read the body again. */
async function readWhole(c: Context): Promise<void> {
  await limited(c, async () => {
    await c.req.arrayBuffer()
  })
}

/** The rest of the body would stand before the next request on this connection, so the connection is closed. */
const stalled = (): HttpProblem => new HttpProblem('body_stalled', { headers: ['Connection', 'close'] })

async function inTime(clock: Clock, reading: Promise<void>): Promise<void> {
  let cancel = (): void => {}
  const late = new Promise<never>((_resolve, reject) => {
    cancel = clock.after(BODY_MS, () => reject(stalled()))
  })
  try {
    await Promise.race([reading, late])
  } finally {
    cancel()
  }
}
