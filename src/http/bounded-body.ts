import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Clock } from '../clock.ts'
import { Failure } from '../relay/failure.ts'
import { HttpProblem } from './problem.ts'

const LARGEST_BODY_BYTES = 64 * 1024

/** The whole body of a request for one of our own pages is here within this time, however steadily it drips in. */
const BODY_MS = 30_000

const limited = bodyLimit({
  maxSize: LARGEST_BODY_BYTES,
  onError: () => {
    throw new Failure('body_too_large')
  },
})

/**
 * Has the whole body read before anything is done with it. Throws body_too_large, or body_stalled: then
 * nothing is done, even if the rest of the body comes after all.
 */
export function boundedBody(clock: Clock): MiddlewareHandler {
  return async function boundBody(c, next) {
    await inTime(clock, readWhole(c))
    await next()
  }
}

/** Hono keeps the bytes for whoever asks for the body next. */
async function readWhole(c: Context): Promise<void> {
  await limited(c, async () => {
    await c.req.arrayBuffer()
  })
}

/** The rest of the body would be in the way of the next request: the connection ends here. */
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
