import { Budgets } from '../../src/callers/budgets.ts'
import type { Usage } from '../../src/gate/callers.ts'

/** Use that nobody writes down. */
export const noUsage = (): Usage => ({ budgets: new Budgets(), add() {} })
