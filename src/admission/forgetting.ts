/** Idle models that are remembered: made-up names must not grow the process. */
export const REMEMBERED_MODELS = 1_000

interface Used {
  /** Ollama has answered a call of this name without an error. */
  readonly served: boolean
  /** Clock milliseconds. */
  readonly lastUsed: number
}

/**
 * The models to forget before one more is opened, so that a thousand idle ones are remembered. Models that never served
 * go first, so that made-up names do not push a real model out. Among equals the model that was unused for longest goes.
 */
export function surplus<M extends Used>(
  models: Iterable<M>,
  count: number,
  isForgettable: (model: M) => boolean,
): M[] {
  if (count < REMEMBERED_MODELS) return []
  const idle: M[] = []
  let first: M | undefined
  for (const model of models) {
    if (!isForgettable(model)) continue
    idle.push(model)
    if (!first || byForgetting(model, first) < 0) first = model
  }
  if (first === undefined || idle.length < REMEMBERED_MODELS) return []
  // Sorting costs more, and is needed only after more models than are remembered were busy at once.
  if (idle.length === REMEMBERED_MODELS) return [first]
  return idle.sort(byForgetting).slice(0, idle.length - REMEMBERED_MODELS + 1)
}

/** Sorts the model that is forgotten first to the front. */
function byForgetting(a: Used, b: Used): number {
  return Number(a.served) - Number(b.served) || a.lastUsed - b.lastUsed
}
