import * as z from 'zod'
import { GIN_JSON } from './answer-format.ts'
import type { Handler } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

/** GET /_sim/state: counters by model, the loaded models, and the faults that are on. "For ever" is null in JSON. */
export const state: Handler = (exchange, { engine, faults }) => {
  exchange.answer(200, GIN_JSON, JSON.stringify({ ...engine.snapshot(), faults: faults.snapshot() }))
}

/** POST /_sim/faults: switches the faults in the body, and answers with all faults that are on. */
export const setFaults: Handler = async (exchange, { faults }) => {
  const body = await exchange.body()
  if (!body) return
  read(() => faults.accept(JSON.parse(body.toString())))
  exchange.answer(200, GIN_JSON, JSON.stringify(faults.snapshot()))
}

/** POST /_sim/reset: counters and peaks start again; faults and calls stay. */
export const reset: Handler = (exchange, { engine }) => {
  engine.resetCounters()
  exchange.answer(200, GIN_JSON, JSON.stringify(engine.snapshot()))
}

const restartOptions = z.strictObject({
  numParallel: z.int().positive().optional(),
  closedMs: z.number().nonnegative().optional(),
})

/** POST /_sim/restart: answers, and then restarts as Simulator.restart does. The body may be empty. */
export const restart: Handler = async (exchange, ollama) => {
  const body = await exchange.body()
  if (!body) return
  const options = read(() => restartOptions.parse(JSON.parse(body.toString() || '{}')))
  exchange.onOver(() => void ollama.restart(options))
  exchange.header('Connection', 'close')
  exchange.answer(200, GIN_JSON, JSON.stringify(options))
}

/** Throws WireError 400 for input of a wrong form. */
function read<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof z.ZodError) throw new WireError(400, z.prettifyError(error))
    if (error instanceof SyntaxError) throw new WireError(400, error.message)
    throw error
  }
}
