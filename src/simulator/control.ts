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
  try {
    faults.accept(JSON.parse(body.toString()))
  } catch (error) {
    if (error instanceof z.ZodError) throw new WireError(400, z.prettifyError(error))
    if (error instanceof SyntaxError) throw new WireError(400, error.message)
    throw error
  }
  exchange.answer(200, GIN_JSON, JSON.stringify(faults.snapshot()))
}

/** POST /_sim/reset: counters and peaks start again; faults and calls stay. */
export const reset: Handler = (exchange, { engine }) => {
  engine.resetCounters()
  exchange.answer(200, GIN_JSON, JSON.stringify(engine.snapshot()))
}
