import type { ForcedReason, Runners } from './contract.ts'
import type { Lane } from './lane.ts'
import type { ModelCalls } from './model-calls.ts'

/**
 * Puts the names of one runner into one lane, after what is known of the runners has changed. A name whose runner is not
 * known keeps its lane. Returns the lanes whose names or runner have changed. `open`: makes a lane for a runner.
 */
export function regroup(
  models: Iterable<ModelCalls<Lane>>,
  runners: Runners,
  now: number,
  open: (runner: string) => Lane,
): Set<Lane> {
  const changed = new Set<Lane>()
  const forced = new Map<Lane, ForcedReason | undefined>()
  const byRunner = new Map<string, Lane>()
  const all = [...models]
  for (const { lane } of all) if (lane.runnerId !== undefined) byRunner.set(lane.runnerId, lane)
  for (const model of all) {
    const facts = runners.find(model.model)
    if (facts === undefined) continue
    const { runner } = facts
    if (runner !== undefined && model.lane.runnerId !== runner) {
      changed.add(model.lane)
      const lane = byRunner.get(runner)
      // Only names of one runner share a lane, so a lane without a known runner has this name alone.
      if (model.lane.runnerId !== undefined) model.lane.handOver(model, lane ?? open(runner), now)
      else if (lane) lane.takeOver(model.lane, now)
      else model.lane.runnerId = runner
      byRunner.set(runner, model.lane)
      changed.add(model.lane)
    }
    forced.set(model.lane, facts.forced ?? forced.get(model.lane))
  }
  for (const [lane, reason] of forced) lane.force(reason, now)
  return changed
}
