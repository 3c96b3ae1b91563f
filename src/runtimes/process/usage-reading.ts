import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseUsageLine, RepeatedLines, type UsageRecord } from '../../callers/usage-lines.ts'
import { monthOf } from '../../callers/windows.ts'

/** Lines of a file that are torn or not of our making. They are not counted. */
export interface UnreadableLines {
  readonly file: string
  readonly count: number
  /** The numbers of the first few of these lines, from 1. */
  readonly lines: readonly number[]
}

export type OnUnreadable = (found: UnreadableLines) => void

interface DayFile {
  readonly path: string
  /** The local day, `2026-11-28`. */
  readonly day: string
}

const FILE_NAME = /^usage-(\d{4,}-\d\d-\d\d)\.jsonl$/
/** Read at once: some thousand lines. */
const CHUNK_BYTES = 256 * 2 ** 10
/** Kept of a line whose end is not read yet. Our lines are shorter; a file without newlines must not fill the memory. */
const MOST_LINE_BYTES = 32 * 2 ** 10
const MOST_LINE_NUMBERS = 10
const NEWLINE = 10
/** A plain open of a pipe waits until somebody writes into the pipe. Windows has neither such pipes nor this flag. */
const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** The name of a usage file leads to a pipe, a device, a socket or a folder. Such a thing may never end. */
export class NotRegularFile extends Error {
  override readonly name = 'NotRegularFile'

  constructor() {
    super('not a regular file')
  }
}

export function usageFileName(day: string): string {
  return `usage-${day}.jsonl`
}

/** The usage files of a folder, oldest day first; none without the folder. @throws Error of the file system. */
export async function usageFiles(dir: string): Promise<DayFile[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names
    .flatMap((name) => {
      const day = FILE_NAME.exec(name)?.[1]
      return day === undefined ? [] : [{ path: join(dir, name), day }]
    })
    .sort((one, other) => (one.day < other.day ? -1 : 1))
}

/**
 * The files that budgets need at `at`, in milliseconds since 1970: those of the month. Also those of the newest month,
 * because a machine without a battery starts with a clock that is years behind. And a file on either side of the
 * month, because the files could have been written in another zone.
 */
export async function filesForBudgets(dir: string, at: number): Promise<DayFile[]> {
  const files = await usageFiles(dir)
  const months = [monthOf(at).id, files.at(-1)?.day.slice(0, -3)]
  const isWanted = (file: DayFile | undefined) => file !== undefined && months.includes(file.day.slice(0, -3))
  return files.filter(
    (file, index) => isWanted(file) || isWanted(files[index - 1]) || isWanted(files[index + 1]),
  )
}

/**
 * The records of one file, some thousand at a time, none of them twice. A file that is gone has none.
 * @throws NotRegularFile, or Error of the file system.
 */
export async function* readUsageFile(
  path: string,
  onUnreadable: OnUnreadable,
): AsyncGenerator<readonly UsageRecord[]> {
  const handle = await openRegular(path)
  if (handle === undefined) return
  try {
    const lines = new UsageLines(basename(path))
    const buffer = Buffer.allocUnsafe(MOST_LINE_BYTES + CHUNK_BYTES)
    // Bytes at the start of the buffer: a line whose end is not read yet.
    let kept = 0
    for (;;) {
      const { bytesRead } = await handle.read(buffer, kept, CHUNK_BYTES)
      const filled = buffer.subarray(0, kept + bytesRead)
      const end = bytesRead === 0 ? filled.length : filled.lastIndexOf(NEWLINE) + 1
      if (end > 0) yield lines.read(filled.toString('utf8', 0, end))
      if (bytesRead === 0) break
      kept = Math.min(filled.length - end, MOST_LINE_BYTES)
      buffer.copyWithin(0, end, end + kept)
    }
    if (lines.unreadable.count > 0) onUnreadable(lines.unreadable)
  } finally {
    await handle.close()
  }
}

/** Undefined for a file that is gone. */
async function openRegular(path: string): Promise<FileHandle | undefined> {
  const handle = await open(path, READ_AT_ONCE).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    // A socket, or a device that is not there.
    if (error.code === 'ENXIO' || error.code === 'ENODEV') throw new NotRegularFile()
    throw error
  })
  if (handle === undefined) return undefined
  // The open handle is asked, because another file can have taken the name in between.
  const isRegular = (await handle.stat()).isFile()
  if (isRegular) return handle
  await handle.close()
  throw new NotRegularFile()
}

/** The lines of one file so far. */
class UsageLines {
  readonly #file: string
  readonly #repeated = new RepeatedLines()
  readonly #numbers: number[] = []
  #unreadable = 0
  #number = 0

  constructor(file: string) {
    this.#file = file
  }

  get unreadable(): UnreadableLines {
    return { file: this.#file, count: this.#unreadable, lines: this.#numbers }
  }

  /** `text`: whole lines, or the end of the file. */
  read(text: string): UsageRecord[] {
    const lines = text.split('\n')
    // What follows the last newline is no line.
    if (lines.at(-1) === '') lines.pop()
    return lines.flatMap((line) => {
      this.#number++
      if (line === '') return []
      const record = parseUsageLine(line)
      if (record === undefined) {
        this.#unreadable++
        if (this.#numbers.length < MOST_LINE_NUMBERS) this.#numbers.push(this.#number)
        return []
      }
      return this.#repeated.has(record) ? [] : [record]
    })
  }
}
