import { DEFAULT_MODELS } from '../simulator/models.ts'
import { createSimulator } from '../simulator/simulator.ts'

/** A running simulator that replaces Ollama. */
export interface Demo {
  readonly url: string
  readonly model: string
  /** A few lines about the simulated Ollama, for the banner. */
  readonly description: string
  close(): Promise<void>
}

const SIMULATED = { numParallel: 4, loadMs: 1_500, outputTokensPerSecond: 50 }

/** Starts the simulator on a free port of this machine. */
export async function startDemo(): Promise<Demo> {
  const simulator = createSimulator({ models: DEFAULT_MODELS, ...SIMULATED })
  const { url } = await simulator.listen(0, '127.0.0.1')
  const { numParallel, loadMs, outputTokensPerSecond } = SIMULATED
  const description = [
    `Simulated: an Ollama at ${url} with the models ${DEFAULT_MODELS.join(', ')}.`,
    `A model loads in ${loadMs / 1000} s, runs ${numParallel} calls at once and produces ${outputTokensPerSecond} tokens per second.`,
    'The answers have the format of Ollama, but their text is made up. No model runs, and nothing is downloaded.',
  ].join('\n')
  return { url, model: DEFAULT_MODELS[0] ?? 'llama3.2', description, close: () => simulator.close() }
}
