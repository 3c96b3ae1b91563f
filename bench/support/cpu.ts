import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second in /proc, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU seconds that a process has used so far, its threads' and the kernel's work for it included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
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
