import { Hono, type MiddlewareHandler } from 'hono'
import type { LaneView } from '../../admission/contract.ts'
import { snapshotOf, takeSnapshot } from '../../telemetry/snapshot.ts'
import { answer, answerText } from '../answer.ts'
import { memoryFigures } from '../memory-figures.ts'
import { HttpProblem } from '../problem.ts'
import type { Services } from '../services.ts'
import { JsonText, type SharedPages } from '../shared-pages.ts'

export function queueRoutes(services: Services, shared: SharedPages): Hono {
  const { memory } = services
  const stats = statsPage(services)
  const text = shared.shareEach(
    (model) => new JsonText(model === undefined ? stats() : statsOf(services, laneOf(services, model))),
  )
  return new Hono()
    .get('/queue/stats', refuseWithoutStats(services), (c) => {
      const model = c.req.query('model')
      // All spellings of a name share one variant.
      return answerText(text(model === undefined ? undefined : laneOf(services, model).model))
    })
    .get('/queue/memory', async () => answer(memoryFigures(await memory())))
}

/** Guards a page that `enable_queue_stats: false` switches off. */
export function refuseWithoutStats({ config }: Pick<Services, 'config'>): MiddlewareHandler {
  return async (_c, next) => {
    if (!config.enable_queue_stats) throw new HttpProblem('stats_disabled')
    await next()
  }
}

/** The content of `GET /queue/stats`. */
export function statsPage(services: Services): () => object {
  return () => takeSnapshot(services.admission, (lane) => statsOf(services, lane))
}

function statsOf({ monitor }: Services, lane: LaneView): object {
  return { ...snapshotOf(lane), ...(monitor && { window: monitor.history.window(lane.model) }) }
}

/** The lane of a model, for any spelling of its name. Throws `model_not_found` with the names of all lanes. */
export function laneOf(
  { admission, modelKey }: Pick<Services, 'admission' | 'modelKey'>,
  model: string,
): LaneView {
  const key = modelKey(model)
  const lane = key === undefined ? undefined : admission.lane(key)
  if (lane) return lane
  const available_models = Array.from(admission.lanes(), (known) => known.model)
  throw new HttpProblem('model_not_found', { fields: { available_models } })
}
