import type { Mismatch } from './mismatches.ts'
import { listed } from './words.ts'

/** A runner on whose calls Ollama does not work. */
export interface StuckModel {
  /** Key of the model of the last call. */
  readonly model: string
  /** The models that share the runner. */
  readonly names: readonly string[]
  /** Milliseconds for which nothing has moved. */
  readonly silentMs: number
  /** As many as that when the standstill was found. */
  readonly foundAfterMs: number
  /** Slots that calls hold, and calls in line. */
  readonly active: number
  readonly queued: number
}

/** What to tell of runners on which Ollama does not work. */
export function stuckMismatches(models: readonly StuckModel[]): readonly Mismatch[] {
  return models.map(({ model, names, silentMs, foundAfterMs, active, queued }) => ({
    metric: 'model_stuck',
    model,
    level: 'critical',
    value: seconds(silentMs),
    threshold: seconds(foundAfterMs),
    unit: 'seconds',
    message: `Ollama does not get on with ${listed(names.length === 0 ? [model] : names)}: nothing has moved for ${seconds(silentMs)} s; ${active} slots are taken, ${queued} calls wait`,
    action: actionFor(model),
  }))
}

function actionFor(model: string): string {
  const unload = `POST /api/generate ${JSON.stringify({ model, keep_alive: 0 })}`
  return (
    'Look into the log of Ollama, and at the processes of `ollama ps`. Restart Ollama. ' +
    `Or cancel the running calls and send ${unload}: then Ollama ends the process of this model. ` +
    'New calls get 503 model_stuck until Ollama answers again; the proxy asks for one token every minute.'
  )
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000)
}
