import { Budgets } from '../../callers/budgets.ts'
import { systemClock } from '../../clock.ts'
import type { Config } from '../../config/schema.ts'
import { usageDirOf } from '../../config/usage-dir.ts'
import type { Usage } from '../../gate/callers.ts'
import type { Log } from '../../telemetry/call-log.ts'
import { UsageFile } from './usage-file.ts'
import { restoreBudgets } from './usage-restore.ts'

/** What callers have used, with the files of earlier runs. */
export interface ProcessUsage extends Usage {
  /** Writes what is not written yet. */
  close(): Promise<void>
}

/** Reads the usage files of the month and begins to write. Never rejects. */
export async function openUsage(config: Config, log: Log): Promise<ProcessUsage> {
  const budgets = new Budgets()
  const dir = usageDirOf(config)
  if (dir === undefined) return { budgets, add() {}, close: async () => {} }
  const options = { dir, clock: systemClock, log }
  await restoreBudgets(budgets, options)
  const file = new UsageFile(options)
  return { budgets, add: (record) => file.add(record), close: () => file.close() }
}
