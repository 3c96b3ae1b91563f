import { existsSync, readFileSync } from 'node:fs'
import type { Started } from './pair.ts'

export const MIB = 2 ** 20

/** Resident bytes of a process: now, and at the highest; undefined where the system does not tell. */
export function residentOf({ process }: Started): { now: number; peak: number } | undefined {
  const path = `/proc/${process.pid}/status`
  if (!existsSync(path)) return undefined
  const status = readFileSync(path, 'utf8')
  const bytes = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') }
}
