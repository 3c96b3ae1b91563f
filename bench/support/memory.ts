import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** Preloads the probe that `readMemory` asks. */
export const PROBED = ['--expose-gc', '--import', new URL('probe.mjs', import.meta.url).href] as const

/** Bytes. */
export interface Memory {
  /** VmRSS of the process. */
  readonly rss: number
  /** Live JavaScript objects after a forced collection, and what V8 holds for them. */
  readonly heapUsed: number
  readonly heapTotal: number
  /** Held outside the heap by objects in it, buffers included. */
  readonly external: number
  /** Socket buffers of the whole machine, as the kernel counts them. */
  readonly socketBuffers: number
  /** The kernel's own objects, those of sockets among them; whole machine. */
  readonly kernelObjects: number
}

const SETTLE_MS = 1_000

/** After the process settled and collected its garbage twice. It must have been started with PROBED and a channel. */
export async function readMemory(child: ChildProcess): Promise<Memory> {
  for (let pass = 0; pass < 2; pass++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    await probe(child)
  }
  const { heapUsed, heapTotal, external } = await probe(child)
  return {
    rss: kilobytes(`/proc/${child.pid}/status`, /^VmRSS:\s+(\d+)/m),
    heapUsed,
    heapTotal,
    external,
    socketBuffers: 4 * kilobytes('/proc/net/sockstat', /^TCP:.* mem (\d+)/m),
    kernelObjects: kilobytes('/proc/meminfo', /^SUnreclaim:\s+(\d+)/m),
  }
}

async function probe(child: ChildProcess): Promise<NodeJS.MemoryUsage> {
  const told = once(child, 'message')
  child.send('collect')
  const [usage] = await told
  return usage
}

/** The pattern's first group, times 1024; socket memory is counted in pages of four times that. */
function kilobytes(file: string, pattern: RegExp): number {
  const found = pattern.exec(readFileSync(file, 'latin1'))?.[1]
  if (found === undefined) throw new Error(`${file} has no ${pattern}`)
  return Number(found) * 1024
}
