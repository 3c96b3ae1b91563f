import * as z from 'zod'
import { GIN_JSON } from './answer-format.ts'
import { HANGS } from './hangs.ts'
import { loadFault } from './load-faults.ts'
import { missingForChat } from './request.ts'
import { runnerKeyOf } from './runner-request.ts'
import type { Handler, SimulatedOllama } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

const loadFaultsByName = z.record(z.string(), loadFault.nullable())
const hangsByName = z.record(z.string(), z.enum(HANGS).nullable())

/** GET /_sim/state: counters by model, the loaded models, the last loads, and the faults that are on. "For ever" is null in JSON. */
export const state: Handler = (exchange, { engine, faults }) => {
  const loadFaults = engine.loadFaults.snapshot()
  exchange.answer(
    200,
    GIN_JSON,
    JSON.stringify({
      ...engine.snapshot(),
      faults: faults.snapshot(),
      loadFaults,
      hangs: engine.hangs.snapshot(),
    }),
  )
}

/** POST /_sim/faults: switches the faults in the body, and answers with all faults that are on. */
export const setFaults: Handler = async (exchange, { faults }) => {
  const body = await exchange.body()
  if (!body) return
  read(() => faults.accept(JSON.parse(body.toString())))
  exchange.answer(200, GIN_JSON, JSON.stringify(faults.snapshot()))
}

/**
 * POST /_sim/load-faults: faults by the names of models; null switches a fault off. Answers with all that are on, by
 * runners.
 */
export const setLoadFaults: Handler = async (exchange, { engine, library }) => {
  const body = await exchange.body()
  if (!body) return
  const faults = byRunner(
    library,
    read(() => loadFaultsByName.parse(JSON.parse(body.toString()))),
  )
  for (const [key, fault] of faults) engine.loadFaults.set(key, fault)
  exchange.answer(200, GIN_JSON, JSON.stringify(engine.loadFaults.snapshot()))
}

/**
 * POST /_sim/hangs: what stands still, by the names of models: `generation` or `load`; null lets a model go on. Answers
 * with all that stands still, by runners.
 */
export const setHangs: Handler = async (exchange, { engine, library }) => {
  const body = await exchange.body()
  if (!body) return
  const hangs = byRunner(
    library,
    read(() => hangsByName.parse(JSON.parse(body.toString()))),
  )
  for (const [key, hang] of hangs) engine.hangs.set(key, hang)
  exchange.answer(200, GIN_JSON, JSON.stringify(engine.hangs.snapshot()))
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

/** What is given for the names of models, by the keys of their runners. Throws WireError 404 for an unknown model. */
function byRunner<T>(
  library: SimulatedOllama['library'],
  given: Readonly<Record<string, T | null>>,
): (readonly [key: string, T | undefined])[] {
  return Object.entries(given).map(([name, value]) => {
    const model = library.find(name)
    if (!model) throw new WireError(404, missingForChat(name))
    return [runnerKeyOf(model), value ?? undefined] as const
  })
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
