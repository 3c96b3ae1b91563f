import { pullNameOf } from './model-ref.ts'
import { parseModelName } from './names.ts'
import { type ProgressLine, sendProgress } from './progress.ts'
import { modelField, modelRequired, nativeRoute } from './request.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

/** Sends the progress of a quick download. The download ends when the client leaves. */
export const pull = nativeRoute('api.PullRequest', (exchange, ollama, fields) => {
  const spelled = modelField(fields)
  if (spelled === '') throw modelRequired
  const name = pullNameOf(spelled)
  if (!parseModelName(name)) throw new WireError(400, 'invalid model name')
  sendProgress(exchange, ollama, fields.flag('stream') !== false, pullLines(ollama, name))
})

/** Downloads the model `name` and puts it on the disk. An error is the last line. */
export function* pullLines(ollama: SimulatedOllama, name: string): Generator<ProgressLine, void> {
  yield { status: 'pulling manifest' }
  if (!ollama.library.canPull(name)) {
    yield { error: 'pull model manifest: file does not exist' }
    return
  }
  const model = ollama.library.find(name) ?? ollama.library.add(name)
  // A stub has no weights; Ollama then shows the layer of its configuration.
  const layer = model.weights.slice('sha256-'.length) || model.digest
  const status = `pulling ${layer.slice(0, 12)}`
  for (const completed of [65_536, Math.floor(model.size / 2), model.size]) {
    yield { status, digest: `sha256:${layer}`, total: model.size, completed }
  }
  yield { status: 'verifying sha256 digest' }
  yield { status: 'writing manifest' }
  yield { status: 'success' }
}
