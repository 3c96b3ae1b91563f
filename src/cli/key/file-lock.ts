import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Clock } from '../../clock.ts'

/** A change takes some milliseconds. A lock of this age was left by a process that cannot be asked. */
const STALE_MS = 30_000
/** A holder writes its name microseconds after it has made the lock. An empty lock of this age was left by a killed one. */
const EMPTY_STALE_MS = 1_000
/** How long a change waits for others. */
const PATIENCE_MS = 10_000
const RETRY_MS = 20

/** The file is locked by a process that lives. */
export class Locked extends Error {
  override readonly name = 'Locked'
}

/** A lock that is held. */
export interface HeldLock {
  /** Whether the lock is still ours: a process that was stopped for long may have lost it. */
  isOurs(): boolean
  release(): void
}

/**
 * Takes a lock: a file that exists only while somebody holds the lock (O_EXCL), with the process and the machine of the
 * holder. A lock is stale when its process is gone from this machine, after EMPTY_STALE_MS without a holder, or after
 * STALE_MS. One process alone removes a
 * stale lock: the one that makes a second file, whose name belongs to this very lock.
 * @throws Locked when others hold the lock for PATIENCE_MS; the error of the system when the folder cannot be written
 */
export async function takeLock(path: string, clock: Clock): Promise<HeldLock> {
  const until = clock.now() + PATIENCE_MS
  for (;;) {
    const held = tryLock(path)
    if (held) return held
    removeStale(path, clock.wallTime())
    if (clock.now() >= until) throw new Locked(`${path} exists: another command changes the keys`)
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
  }
}

function tryLock(path: string): HeldLock | undefined {
  if (!create(path)) return undefined
  const ours = identity(path)
  const isOurs = () => ours !== undefined && identity(path) === ours
  return {
    isOurs,
    release() {
      if (isOurs()) remove(path)
    },
  }
}

function removeStale(path: string, now: number): void {
  const lock = identity(path)
  if (lock === undefined || !isStale(path, now)) return
  const claim = `${path}.${lock}`
  if (!create(claim)) {
    // Its maker died between two steps that take microseconds.
    if (isStale(claim, now)) remove(claim)
    return
  }
  // Nobody else may remove this lock now. Another process may have done so before.
  if (identity(path) === lock) remove(path)
  remove(claim)
}

function isStale(path: string, now: number): boolean {
  try {
    const ageMs = now - statSync(path).mtimeMs
    if (ageMs > STALE_MS) return true
    const holder = readFileSync(path, 'utf8').trim()
    if (holder === '') return ageMs > EMPTY_STALE_MS
    const [pid = '', host] = holder.split(' ')
    return host === hostname() && /^\d+$/.test(pid) && !isAlive(Number(pid))
  } catch {
    // Gone in the meantime.
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: the process belongs to somebody else.
    return codeOf(error) !== 'ESRCH'
  }
}

/** One text for one lock: a later lock at the same path has another one. */
function identity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.ino}-${found.mtimeNs}`
}

/** Makes a file that tells who made it. Returns whether the file is new. */
function create(path: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      writeSync(file, `${process.pid} ${hostname()}\n`)
    } finally {
      closeSync(file)
    }
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
