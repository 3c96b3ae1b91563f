import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Clock } from '../../clock.ts'
import { Locked, takeLock } from './file-lock.ts'
import { KeyRefused } from './place.ts'

const OWNER_ONLY = 0o600
const READ_BY_OTHERS = 0o044
/** As many as Linux follows. */
const MOST_LINKS = 40

/** The ends of the names of temporary files, and of the files that belong to one lock. */
const LEFTOVER = /^(?:[\da-f]{12}\.tmp|lock\.\d+-\d+)$/

/** A file that was written. */
export interface WrittenFile {
  /** The file itself, behind all links. */
  readonly path: string
  readonly isNew: boolean
  /** The rights of others were taken away. */
  readonly wasOpen: boolean
}

/** Whether the group or everybody may read a file. False where the system has no such rights, or no such file. */
export function isOpenToOthers(path: string): boolean {
  if (process.platform === 'win32') return false
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && (found.mode & READ_BY_OTHERS) !== 0
}

/**
 * Reads a file, changes the text and puts the new text in place, while no other command does so. A reader sees the old
 * file or the new one. The file belongs to its owner alone afterwards.
 * @param change gets undefined where the file does not exist. An error of it leaves the file as it is.
 * @throws Locked, or the error of the system
 */
export async function changeFile(
  named: string,
  clock: Clock,
  change: (text: string | undefined) => Promise<string>,
): Promise<WrittenFile> {
  const path = behindLinks(named)
  const lockPath = join(dirname(path), `.${basename(path)}.lock`)
  const lock = await takeLock(lockPath, clock)
  try {
    removeLeftovers(path)
    const before = statSync(path, { throwIfNoEntry: false })
    const text = await change(before && readText(path))
    const wasOpen = isOpenToOthers(path)
    replace(path, text, before, () => {
      if (!lock.isOurs()) throw new Locked(`${lockPath} was taken over by another command`)
    })
    return { path, isNew: before === undefined, wasOpen }
  } finally {
    lock.release()
  }
}

/** Other bytes would be written back as other characters. A mark at the begin of the file stays. */
function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path))
  } catch (error) {
    throw error instanceof TypeError ? new KeyRefused(`${path} is not UTF-8 text`) : error
  }
}

/** Removes what commands left behind that were killed. Only the holder of the lock does so. */
function removeLeftovers(path: string): void {
  const prefix = `.${basename(path)}.`
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(prefix) && LEFTOVER.test(name.slice(prefix.length)))
      rmSync(join(dirname(path), name), { force: true })
}

/** The file that a path leads to. Also for a link to a file that does not exist yet. */
function behindLinks(named: string): string {
  let path = resolve(named)
  for (let links = 0; links < MOST_LINKS; links++) {
    // The folder is resolved, too: the new file must be in the same file system.
    path = join(realpathSync(dirname(path)), basename(path))
    try {
      path = resolve(dirname(path), readlinkSync(path))
    } catch {
      return path
    }
  }
  return path
}

/** `last`: the last look before the new file is put in place. */
function replace(path: string, text: string, before: Stats | undefined, last: () => void): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const file = openSync(temporary, 'wx', OWNER_ONLY)
    try {
      // The rights that openSync gives are less where the umask takes some away.
      fchmodSync(file, OWNER_ONLY)
      if (before) keepOwner(file, before)
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    last()
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

function keepOwner(file: number, { uid, gid }: Stats): void {
  if (process.platform === 'win32') return
  try {
    fchownSync(file, uid, gid)
  } catch (error) {
    // The group counts for nothing: only the owner may read the file.
    if (uid !== process.getuid?.()) throw error
  }
}

/** The new name survives a power cut. Not every system can do this for a folder. */
function syncFolder(path: string): void {
  let folder: number | undefined
  try {
    folder = openSync(path, 'r')
    fsyncSync(folder)
  } catch {
    // The file is in place all the same.
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}
