import { loadOptions } from '../ollama/load-options.ts'
import type { Probe } from './contract.ts'

/**
 * A request for one token. It has the load options of the last call: with others, Ollama would load the model again.
 * `embeds`: the model can do nothing else.
 */
export function probeRequest(
  { model, options }: Probe,
  embeds: boolean,
): { readonly path: string; readonly body: string } {
  const load = loadOptions(options)
  return embeds
    ? { path: '/api/embed', body: JSON.stringify({ model, input: 'a', options: load }) }
    : {
        path: '/api/generate',
        body: JSON.stringify({ model, prompt: 'a', stream: false, options: { ...load, num_predict: 1 } }),
      }
}
