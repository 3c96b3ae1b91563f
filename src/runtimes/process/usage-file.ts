import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type UsageRecord, usageLine } from '../../callers/usage-lines.ts'
import { Calendar } from '../../callers/windows.ts'
import type { Cancel, Clock } from '../../clock.ts'
import type { Log } from '../../telemetry/call-log.ts'
import { makeFolder } from './rotating-file.ts'
import { usageFileName } from './usage-reading.ts'

export interface UsageFileOptions {
  readonly dir: string
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
}

interface WaitingLine {
  readonly serial: number
  /** The local day whose file gets the line. */
  readonly day: string
  readonly text: string
}

/** How long a line waits to be written, which is what `kill -9` loses. A failed write is tried again after this time. */
const WRITE_MS = 1_000
/** How long a stop waits for a disk that does not answer. */
const CLOSE_MS = 2_000
/** Characters of lines that wait for a disk, most of them a byte each. The oldest lines go first. */
const MOST_WAITING = 4 * 2 ** 20
/** So many characters are dropped at once, because dropping moves all lines that stay. */
const DROPPED_AT_ONCE = 2 ** 18
/** Who called which model is nobody else's business. */
const OWNER_ONLY_FOLDER = 0o700
const OWNER_ONLY = 0o600
const NEWLINE = 10

/**
 * Appends a line for each call to the file of its day. Never blocks and never fails: while the disk takes nothing, lines
 * wait and the log is told once. The file is opened for each write, so a folder that was removed is made again. Several
 * processes may share a folder: each write appends whole lines.
 */
export class UsageFile {
  readonly #options: UsageFileOptions
  readonly #calendar = new Calendar()
  readonly #run = randomBytes(6).toString('base64url')
  #serial = 0
  #waiting: WaitingLine[] = []
  /** Characters of the lines in `#waiting`. */
  #waitingLength = 0
  /** Lines that are being written. */
  #taken = 0
  #dropped = 0
  #failing = false
  #planned: Cancel | undefined
  #writing: Promise<void> | undefined
  #closed = false

  /** Makes the folder. A folder that cannot be written is told to the log now, not after the first call. */
  constructor(options: UsageFileOptions) {
    this.#options = options
    try {
      makeFolder(resolve(options.dir), OWNER_ONLY_FOLDER)
      accessSync(options.dir, constants.W_OK | constants.X_OK)
    } catch (error) {
      this.#tellFailing(error)
    }
  }

  /** After `close`, records are ignored. */
  add(record: UsageRecord): void {
    if (this.#closed) return
    const serial = ++this.#serial
    const text = usageLine(record, this.#run, serial)
    this.#waiting.push({ serial, day: this.#calendar.at('day', record.at).id, text })
    this.#waitingLength += text.length
    this.#dropOldest()
    this.#plan()
  }

  /** Writes the lines that wait, or tells the log how many are lost. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#planned?.()
    const { clock, log, dir } = this.#options
    let stop: Cancel = () => {}
    const enough = new Promise<void>((resolve) => {
      stop = clock.after(CLOSE_MS, resolve)
    })
    // The write that runs does not have the newest lines.
    const written = Promise.resolve(this.#writing).then(() => this.#write())
    await Promise.race([written, enough])
    stop()
    const lines = this.#dropped + this.#waiting.length + this.#taken
    if (lines > 0) log.warn('usage lines could not be written and are lost', { usage_dir: dir, lines })
  }

  #plan(): void {
    if (this.#closed) return
    this.#planned ??= this.#options.clock.after(WRITE_MS, () => {
      this.#planned = undefined
      void this.#write()
    })
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = undefined
      if (this.#waiting.length > 0) this.#plan()
    })
    return this.#writing
  }

  /** Writes the lines that wait now, day by day. Later lines wait for the next write. */
  async #writeWaiting(): Promise<void> {
    const newest = this.#serial
    try {
      for (let first = this.#waiting[0]; first && first.serial <= newest; first = this.#waiting[0])
        await this.#writeDay(first.day)
    } catch (error) {
      this.#tellFailing(error)
    }
  }

  async #writeDay(day: string): Promise<void> {
    const file = await openToAppend(this.#options.dir, day)
    let lines: WaitingLine[] = []
    let written = 0
    try {
      // A line that is torn by a crash or a full disk is ended here, so that it spoils no other line.
      const start = (await endsWithNewline(file)) ? '' : '\n'
      lines = this.#take(day)
      const batch = Buffer.from(start + lines.map(({ text }) => text).join(''))
      let at = 0
      while (at < batch.length) {
        const { bytesWritten } = await file.write(batch, at)
        at += bytesWritten
        written = at - start.length
      }
      // A file that fails to close may lack any line. A line that is written twice is counted once.
      written = 0
      await file.close()
    } catch (error) {
      this.#putBack(unwritten(lines, written))
      await file.close().catch(() => {})
      throw error
    } finally {
      this.#taken = 0
    }
    this.#tellWritten()
  }

  /** Takes the lines at the front that are of one day. The order of the serials is kept in each file. */
  #take(day: string): WaitingLine[] {
    const other = this.#waiting.findIndex((line) => line.day !== day)
    const lines = this.#waiting.splice(0, other < 0 ? this.#waiting.length : other)
    this.#waitingLength -= lengthOf(lines)
    this.#taken = lines.length
    return lines
  }

  #putBack(lines: readonly WaitingLine[]): void {
    this.#waiting = [...lines, ...this.#waiting]
    this.#waitingLength += lengthOf(lines)
    this.#dropOldest()
  }

  #dropOldest(): void {
    if (this.#waitingLength <= MOST_WAITING) return
    let count = 0
    for (const { text } of this.#waiting) {
      if (this.#waitingLength <= MOST_WAITING - DROPPED_AT_ONCE) break
      this.#waitingLength -= text.length
      count++
    }
    this.#waiting.splice(0, count)
    this.#dropped += count
  }

  #tellFailing(error: unknown): void {
    if (this.#failing) return
    this.#failing = true
    const { dir, log } = this.#options
    const why = error instanceof Error ? error.message : String(error)
    log.warn('usage_dir cannot be written, usage is kept in memory', { usage_dir: dir, why })
  }

  #tellWritten(): void {
    if (!this.#failing && this.#dropped === 0) return
    this.#failing = false
    const { dir, log } = this.#options
    const lines = this.#dropped
    this.#dropped = 0
    if (lines === 0) log.info('usage_dir can be written again, no usage line is lost', { usage_dir: dir })
    else log.warn('usage lines are lost, because usage_dir took none for too long', { usage_dir: dir, lines })
  }
}

/** Opens a day's file, and makes the folder where that is missing. @throws Error of the file system. */
async function openToAppend(dir: string, day: string): Promise<FileHandle> {
  const path = join(dir, usageFileName(day))
  try {
    return await open(path, 'a+', OWNER_ONLY)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    makeFolder(resolve(dir), OWNER_ONLY_FOLDER)
    return open(path, 'a+', OWNER_ONLY)
  }
}

/** Also true for an empty file. @throws Error where the path leads to no file, but to a pipe or a device. */
async function endsWithNewline(file: FileHandle): Promise<boolean> {
  const stat = await file.stat()
  if (!stat.isFile()) throw new Error('not a regular file')
  if (stat.size === 0) return true
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, stat.size - 1)
  return buffer[0] === NEWLINE
}

/** The lines of which the file does not have every byte. */
function unwritten(lines: readonly WaitingLine[], written: number): WaitingLine[] {
  let end = 0
  return lines.filter(({ text }) => {
    end += Buffer.byteLength(text)
    return end > written
  })
}

function lengthOf(lines: readonly WaitingLine[]): number {
  return lines.reduce((sum, { text }) => sum + text.length, 0)
}
