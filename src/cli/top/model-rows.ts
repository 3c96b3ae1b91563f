import type { ShownModel } from './shapes.ts'

/** One model as top shows the model: with what the other names of its runner do. */
export interface ModelRow {
  readonly model: ShownModel
  /** The row above is of another name of the same runner. */
  readonly sharesAbove: boolean
  /** Slots in force: null where there is no limit. */
  readonly limit: number | null
  /** Slots taken by calls under this name. */
  readonly own: number
  /** Slots taken by calls under the other names of the runner. */
  readonly others: number
  /** Calls under the other names of the runner that wait. */
  readonly othersQueued: number
}

const isBusy = ({ active_requests, queued_requests }: ShownModel) => active_requests + queued_requests > 0

/**
 * Busy models first, then by name, so that the order seldom changes between two refreshes. Names that share the slots of
 * a runner stand together, at the place of the first of them.
 */
export function modelRows(models: readonly ShownModel[]): ModelRow[] {
  const sorted = [...models].sort(
    (a, b) => Number(isBusy(b)) - Number(isBusy(a)) || (a.model < b.model ? -1 : a.model > b.model ? 1 : 0),
  )
  const groups = new Map<string | ShownModel, ShownModel[]>()
  for (const model of sorted) {
    const key = sharedRunner(model) ?? model
    const group = groups.get(key)
    if (group) group.push(model)
    else groups.set(key, [model])
  }
  return Array.from(groups.values(), rowsOf).flat()
}

/** Undefined for a model that shares no slots: an older proxy names no runner, and without a limit nothing is shared. */
function sharedRunner(model: ShownModel): string | undefined {
  return limitOf(model) === null ? undefined : model.runner
}

function limitOf({ effective_limit, parallel_limit }: ShownModel): number | null {
  return effective_limit === undefined ? parallel_limit : effective_limit
}

function rowsOf(group: readonly ShownModel[]): ModelRow[] {
  const calls = group.reduce((sum, { active_requests }) => sum + active_requests, 0)
  const queued = group.reduce((sum, { queued_requests }) => sum + queued_requests, 0)
  return group.map((model, index) => {
    const limit = limitOf(model)
    const active = model.active_requests
    const otherCalls = calls - active
    const taken = Math.max(calls, slotsTaken(model, limit))
    // A call with several inputs takes several slots. Those slots count for this name where the name has calls.
    const own = active > 0 ? taken - otherCalls : 0
    const others = active > 0 ? otherCalls : taken
    const othersQueued = queued - model.queued_requests
    return { model, sharesAbove: index > 0, limit, own, others, othersQueued }
  })
}

/** At least so many slots of the runner are taken. */
function slotsTaken({ available_slots: free }: ShownModel, limit: number | null): number {
  return limit === null || free === null || free === undefined ? 0 : limit - free
}
