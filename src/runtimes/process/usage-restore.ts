import type { Budgets } from '../../callers/budgets.ts'
import type { UsageFileOptions } from './usage-file.ts'
import { filesForBudgets, readUsageFile } from './usage-reading.ts'

/**
 * Charges the budgets with the calls of earlier runs, before the first call of this run. A file or folder that cannot
 * be read is told to the log: the proxy serves all the same.
 */
export async function restoreBudgets(budgets: Budgets, { dir, clock, log }: UsageFileOptions): Promise<void> {
  try {
    for (const { path } of await filesForBudgets(dir, clock.wallTime())) {
      try {
        const records = readUsageFile(path, ({ count, lines }) =>
          log.warn('a usage file has lines that cannot be read, they are not counted', {
            file: path,
            count,
            lines,
          }),
        )
        for await (const some of records) budgets.restore(some)
      } catch (error) {
        log.warn('a usage file cannot be read, budgets lack its calls', { file: path, why: messageOf(error) })
      }
    }
  } catch (error) {
    log.warn('usage_dir cannot be read, budgets begin at zero', { usage_dir: dir, why: messageOf(error) })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
