import type { OpenRequests } from './open-requests.ts'

/** How long running calls may go on after a shutdown began. */
export const DRAIN_MS = 30_000
/** How long pages and last bytes may take once no call runs. A stream of events ends within half a second. */
const LAST_BYTES_MS = 1_000
/** How long the rest of a refused body is read and discarded before its connection is closed. */
export const DISCARD_MS = 10_000
/** A client that sends nothing for this long has stopped sending, and has had time to read the answer. */
export const SILENT_MS = 1_000

/**
 * The end of a server whose gate is closed already. `stop`: stops listening and resolves once every connection is closed.
 * `forced`: some calls still ran after 30 s.
 */
export async function drain(
  calls: OpenRequests,
  stop: () => Promise<unknown>,
  destroy: () => void,
): Promise<'drained' | 'forced'> {
  const drained = await within(DRAIN_MS, calls.none())
  await within(LAST_BYTES_MS, stop())
  destroy()
  return drained ? 'drained' : 'forced'
}

/** Waits for `end`, at most `ms` milliseconds. Returns whether `end` came in time. */
export async function within(ms: number, end: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const inTime = await Promise.race([end.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
