import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU seconds that the living threads of a process have used so far, the kernel's work for them included. They are
 * counted in nanoseconds: /proc/PID/stat has hundredths of a second, which is one percent of a slice.
 */
export function cpuSeconds(pid: number): number {
  const nanos = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
  )
  return nanos.reduce((sum, one) => sum + one, 0) / 1e9
}

/** Pid of the process of that name among the children of `pid` and theirs. Throws when there is none. */
export function descendant(pid: number, name: string): number {
  const below = childrenOf(pid)
  // More are found while it goes on.
  for (const one of below) {
    if (readFileSync(`/proc/${one}/comm`, 'latin1').trim() === name) return one
    below.push(...childrenOf(one))
  }
  throw new Error(`process ${pid} has no ${name} below it`)
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
}
