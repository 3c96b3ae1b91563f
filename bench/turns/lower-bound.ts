/** A call, as far as its end is bounded. Times in milliseconds. */
export interface BoundCall {
  readonly atMs: number
  readonly model: string
  /** Time in a slot. Does not depend on the calls beside it. */
  readonly serviceMs: number
}

/** What runs the calls. */
export interface BoundMachine {
  /** Slots of a loaded model. */
  readonly slots: number
  /** Models in memory at the same time. */
  readonly together: number
  loadMs(model: string): number
}

/** What a model still has to do. Times in milliseconds. */
interface Rest {
  workMs: number
  longestMs: number
}

/**
 * No order of the calls ends before this time. In milliseconds, on the clock of the arrivals, for a machine that begins
 * empty.
 *
 * The calls that arrive at or after a time t are served after t. A model with the work W takes at least
 * max(W / slots, its longest call) of residence. With one model in memory residences do not overlap, so their times and the loads add
 * up. With K in memory there are K places for residences and loads, and loads never overlap. A load begins with a call
 * for its model. So at time t only models that were called before can be loaded, at most K of them, and all other models
 * with calls after t are loaded after t. The bound is the largest over all t.
 *
 * Takes O(n · M log M) for n calls of M models.
 */
export function lowerBound(calls: readonly BoundCall[], machine: BoundMachine): number {
  const backwards = calls.toSorted((a, b) => b.atMs - a.atMs)
  const firstAt = new Map<string, number>()
  // The last one that is written is the earliest.
  for (const { model, atMs } of backwards) firstAt.set(model, atMs)
  const rests = new Map<string, Rest>()
  let bound = 0
  for (const { atMs, model, serviceMs } of backwards) {
    const { workMs, longestMs } = rests.get(model) ?? { workMs: 0, longestMs: 0 }
    rests.set(model, { workMs: workMs + serviceMs, longestMs: Math.max(longestMs, serviceMs) })
    const wasCalled = (each: string) => (firstAt.get(each) ?? atMs) < atMs
    bound = Math.max(bound, atMs + serviceMs, atMs + leastMs(rests, wasCalled, machine))
  }
  return bound
}

/**
 * The end of a burst with one model in memory, when no time is lost, but the calls of each model begin in the order of
 * their arrival: each model is loaded once, and its slots are taken as soon as they are free. The bound assumes that the slots of
 * a model end their work together, and calls that differ in length do not do that in this order.
 */
export function burstInOrderMs(calls: readonly BoundCall[], { slots, loadMs }: BoundMachine): number {
  let endMs = 0
  for (const name of new Set(calls.map(({ model }) => model))) {
    const freeAt: number[] = Array(slots).fill(endMs + loadMs(name))
    for (const { model, serviceMs } of calls) {
      if (model !== name) continue
      const first = freeAt.indexOf(Math.min(...freeAt))
      freeAt[first] = (freeAt[first] ?? 0) + serviceMs
    }
    endMs = Math.max(...freeAt)
  }
  return endMs
}

/** Milliseconds that the rest takes at least. `wasCalled`: the model can be loaded already. */
function leastMs(
  rests: ReadonlyMap<string, Rest>,
  wasCalled: (model: string) => boolean,
  { slots, together, loadMs }: BoundMachine,
): number {
  const models = Array.from(rests, ([model, { workMs, longestMs }]) => ({
    ownMs: Math.max(workMs / slots, longestMs),
    loadMs: loadMs(model),
    wasCalled: wasCalled(model),
  }))
  const residenceMs = models.reduce((sum, { ownMs }) => sum + ownMs, 0)
  const spared = models.filter((model) => model.wasCalled).map((model) => model.loadMs)
  spared.sort((a, b) => b - a)
  const loadsMs =
    models.reduce((sum, model) => sum + model.loadMs, 0) -
    spared.slice(0, together).reduce((sum, ms) => sum + ms, 0)
  return Math.max(loadsMs, (residenceMs + loadsMs) / together, oneByOneMs(models))
}

/**
 * The end of the loads, one after the other, each followed by the residence of its model as if all models fitted. The
 * model with the longest residence is loaded first, which is the best order (Jackson's rule for tails). A model that can
 * be loaded already has no load here.
 */
function oneByOneMs(
  models: readonly { readonly ownMs: number; readonly loadMs: number; readonly wasCalled: boolean }[],
): number {
  let loadedMs = 0
  let endMs = 0
  for (const { ownMs, loadMs, wasCalled } of models.toSorted((a, b) => b.ownMs - a.ownMs)) {
    if (!wasCalled) loadedMs += loadMs
    endMs = Math.max(endMs, ownMs + (wasCalled ? 0 : loadedMs))
  }
  return endMs
}
