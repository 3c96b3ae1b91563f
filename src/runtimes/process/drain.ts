/** How long running calls may go on after a shutdown began. */
export const DRAIN_MS = 30_000

/** Whether something came to its end in time. */
export async function within(ms: number, end: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const inTime = await Promise.race([end.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
