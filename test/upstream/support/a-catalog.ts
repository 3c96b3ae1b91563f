import { Catalog } from '../../../src/upstream/catalog.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Entry, ScriptedOllama } from './scripted-ollama.ts'

/** A catalog in front of a scripted Ollama, on a standing clock, and what the catalog tells. */
export function aCatalog(...models: Entry[]) {
  const clock = new ManualClock()
  // A reading at the time 0 would be too near to the beginning of the clock to tell anything.
  clock.advance(100_000)
  const ollama = new ScriptedOllama()
  ollama.models = models
  const problems: string[] = []
  const heard = { changes: 0, readings: 0, onChange: () => {} }
  const catalog = new Catalog({
    clock,
    ask: ollama.ask,
    onChange: () => {
      heard.changes++
      heard.onChange()
    },
    onRead: () => {
      heard.readings++
    },
    onProblem: (problem) => problems.push(problem),
  })
  /** The weights of each model, short. */
  const weights = () =>
    Object.fromEntries([...(catalog.models ?? [])].map(([key, { weights }]) => [key, short(weights)]))
  const keys = () => catalog.models && [...catalog.models.keys()]
  return { catalog, clock, heard, keys, ollama, problems, weights }
}

/** `sha256-ab000…` → `ab`. */
function short(weights: string | undefined): string | undefined {
  return weights?.replace(/^sha256-/, '').replace(/0+$/, '')
}
