import type { Waiting } from '../admission/waiting.ts'
import type { Clock } from '../clock.ts'
import type { WantedKey } from '../ollama/json-key.ts'
import { stringValue, TopLevelScan } from '../ollama/json-scan.ts'
import type { ClientRequest } from './contract.ts'
import { Failure } from './failure.ts'
import { IncomingBody } from './incoming-body.ts'

/** Requests that ask about a model have some 100 bytes. */
const MOST_BYTES = 64 * 1024
const MOST_MS = 30_000

/** Ollama's older name for the key is read where there is no model. */
const NAMES: readonly WantedKey<'model' | 'name'>[] = [
  { key: 'model', nullEmpties: false },
  { key: 'name', nullEmpties: false },
]

/**
 * Reads the body of a request that asks about a model, and every name in it by which Ollama may take the model. Throws the
 * reason why the body cannot be read.
 */
export async function readAskedModels(
  request: ClientRequest,
  { clock, waiting }: { readonly clock: Clock; readonly waiting: Waiting },
): Promise<{ readonly body: Uint8Array; readonly names: readonly string[] }> {
  const incoming = new IncomingBody(MOST_BYTES, waiting, clock)
  const cancel = clock.after(MOST_MS, () => request.stopReading(new Failure('body_stalled')))
  try {
    const body = await request.readBody(incoming)
    const scan = new TopLevelScan(body, NAMES)
    while (!scan.advance(MOST_BYTES));
    const names = NAMES.map(({ key }) => stringValue(scan.text(key)))
    incoming.free()
    return { body, names: names.filter((name) => name !== undefined) }
  } catch (error) {
    incoming.drop()
    throw error
  } finally {
    cancel()
  }
}
