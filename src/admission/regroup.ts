import type { Runners } from './contract.ts'
import type { Lane } from './lane.ts'
import type { ModelCalls } from './model-calls.ts'

/**
 * Puts the names of one runner into one lane, after what is known of the runners has changed. A name whose runner is not
 * known keeps its lane. No call gets a slot meanwhile: names that move bring limits with them. Returns the lanes that may
 * have changed, so that the caller sets their limits. `open`: makes a lane for a runner.
 */
export function regroup(
  models: Iterable<ModelCalls<Lane>>,
  runners: Runners,
  now: number,
  open: (runner: string) => Lane,
): Set<Lane> {
  const all = [...models]
  const changed = new Set<Lane>()
  const byRunner = new Map<string, Lane>()
  for (const { lane } of all) if (lane.runnerId !== undefined) byRunner.set(lane.runnerId, lane)
  for (const model of all) {
    const runner = runners.find(model.model)?.runner
    const { lane } = model
    if (runner === undefined || lane.runnerId === runner) continue
    changed.add(lane)
    const known = byRunner.get(runner)
    if (lane.runnerId !== undefined) {
      const to = known ?? open(runner)
      // A model is paused to be pulled, so a pause stays with the name.
      if (known === undefined && lane.paused) to.pause(true, now)
      lane.handOver(model, to)
    } else if (known) known.takeOver(lane, now)
    else lane.runnerId = runner
    byRunner.set(runner, model.lane)
    changed.add(model.lane)
  }
  for (const lane of new Set(all.map((model) => model.lane))) if (forces(lane, runners)) changed.add(lane)
  return changed
}

/** Tells a lane why Ollama runs one call at a time on its runner. Returns whether that is news. */
function forces(lane: Lane, runners: Runners): boolean {
  const before = lane.forced
  // A name whose weights are not known may be on its way to another lane.
  const facts = lane.names.map((name) => runners.find(name)).filter((each) => each?.runner === lane.runnerId)
  lane.force(facts.find((each) => each?.forced !== undefined)?.forced)
  return lane.forced !== before
}
