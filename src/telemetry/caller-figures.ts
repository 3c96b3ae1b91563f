import type { CallerView } from '../admission/contract.ts'
import type { WindowUse } from '../callers/budgets.ts'
import { type Budget, type Key, NO_LIMITS } from '../callers/caller.ts'
import type { CallerAmounts, CallerFigures } from '../pages/callers.ts'
import { hundredths } from './snapshot.ts'

/** What a key has used in the windows of its budgets. */
export interface KeyUse {
  readonly day: WindowUse
  readonly month: WindowUse
}

/** A caller, as pages show it. */
export interface KnownCaller extends Pick<CallerView, 'id' | 'active' | 'queued'> {
  /** Undefined for a caller without a key. */
  readonly key: Key | undefined
  /** Undefined for a caller without a key: only the use of keys is counted. */
  readonly use: KeyUse | undefined
}

/** One caller on a page. */
export function callerFigures({ id, key, active, queued, use }: KnownCaller): CallerFigures {
  const { parallel, queue } = key?.limits ?? NO_LIMITS
  return {
    caller: id,
    key: key !== undefined,
    active,
    queued,
    parallel_limit: Number.isFinite(parallel) ? parallel : null,
    queue_limit: Number.isFinite(queue) ? queue : null,
    slot_seconds: amountsOf(use, key?.slotSeconds, ({ slotSeconds }) => hundredths(slotSeconds)),
    tokens: amountsOf(use, key?.tokens, ({ tokens }) => tokens),
  }
}

function amountsOf(
  use: KeyUse | undefined,
  budget: Budget | undefined,
  amount: (use: WindowUse) => number,
): CallerAmounts {
  return {
    today: use === undefined ? null : amount(use.day),
    month: use === undefined ? null : amount(use.month),
    day_budget: budget?.day ?? null,
    month_budget: budget?.month ?? null,
  }
}
