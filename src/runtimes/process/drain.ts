/** How long running calls may go on after a shutdown began. */
export const DRAIN_MS = 30_000
/** How long the rest of a refused body is read and discarded before its connection is closed. */
export const DISCARD_MS = 10_000
/** A client that sends nothing for this long has stopped sending, and has had time to read the answer. */
export const SILENT_MS = 1_000

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
