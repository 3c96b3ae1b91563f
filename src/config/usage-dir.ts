import type { Config } from './schema.ts'

/** Where use is written while a key has a budget and `usage_dir` is unset. */
const WITH_BUDGETS = 'usage'

/** The folder of the usage files; undefined: nothing is written. */
export function usageDirOf({ keys, usage_dir }: Config): string | undefined {
  if (usage_dir !== undefined) return usage_dir
  const hasBudget = Object.values(keys).some(
    ({ slot_seconds, tokens }) => slot_seconds !== undefined || tokens !== undefined,
  )
  return hasBudget ? WITH_BUDGETS : undefined
}
