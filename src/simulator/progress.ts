import { PLAIN_JSON } from './answer-format.ts'
import { goJson } from './go-json.ts'
import type { HttpExchange } from './http-exchange.ts'
import type { SimulatedOllama } from './simulated-ollama.ts'

/** One object of the progress of a pull or a create. An error ends the work. */
export type ProgressLine =
  | {
      readonly status: string
      readonly digest?: string
      readonly total?: number
      readonly completed?: number
    }
  | { readonly error: string }

/** Between two lines of a stream. */
const STEP_MS = 20

/**
 * Sends lines as the work goes on: the work behind a line is done when the line is taken. The work ends when the client
 * leaves. Without a stream, all work is done at once and the answer is the last line.
 */
export function sendProgress(
  exchange: HttpExchange,
  ollama: SimulatedOllama,
  stream: boolean,
  lines: Generator<ProgressLine, void>,
): void {
  if (!stream) {
    const all = [...lines]
    const last = all.find((line) => 'error' in line) ?? all.at(-1) ?? { status: '' }
    exchange.answer('error' in last ? 500 : 200, PLAIN_JSON, goJson(last))
    return
  }
  exchange.open({ 'Content-Type': 'application/x-ndjson' })
  const sendNext = () => {
    const { value: line } = lines.next()
    if (!line) return exchange.end()
    exchange.write(`${goJson(line)}\n`)
    exchange.onOver(ollama.clock.after(STEP_MS, sendNext))
  }
  sendNext()
}
