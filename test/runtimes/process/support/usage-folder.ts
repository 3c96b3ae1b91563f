import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UsageRecord } from '../../../../src/callers/usage-lines.ts'
import { UsageFile } from '../../../../src/runtimes/process/usage-file.ts'
import {
  readUsageFile,
  type UnreadableLines,
  usageFiles,
} from '../../../../src/runtimes/process/usage-reading.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

export const NOON = new Date(2026, 10, 28, 12).getTime()
export const TODAY = 'usage-2026-11-28.jsonl'

interface Told {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export class ToldLog {
  readonly told: Told[] = []
  readonly warn = (message: string, fields: Told['fields'] = {}) => void this.told.push({ message, fields })
  readonly info = this.warn

  get messages(): string[] {
    return this.told.map(({ message }) => message)
  }
}

export function usageFolder(t: { after(fn: () => void): void }) {
  const root = mkdtempSync(join(tmpdir(), 'guard-usage-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const dir = join(root, 'deep', 'usage')
  const clock = new ManualClock(NOON)
  const log = new ToldLog()
  const options = { dir, clock, log }
  return {
    dir,
    clock,
    log,
    options,
    open: () => new UsageFile(options),
    names: () => readdirSync(dir).sort(),
    text: (name = TODAY) => readFileSync(join(dir, name), 'utf8'),
  }
}

/** Every record of a folder, and the lines that could not be read. */
export async function readAll(
  dir: string,
): Promise<{ records: UsageRecord[]; unreadable: UnreadableLines[] }> {
  const records: UsageRecord[] = []
  const unreadable: UnreadableLines[] = []
  for (const { path } of await usageFiles(dir))
    for await (const some of readUsageFile(path, (found) => unreadable.push(found))) records.push(...some)
  return { records, unreadable }
}
