import { Hono, type MiddlewareHandler } from 'hono'
import type { ModelView } from '../../admission/contract.ts'
import { callerWithShare, fairFigures } from '../../telemetry/fair-figures.ts'
import { Moments } from '../../telemetry/moments.ts'
import { snapshotOf, takeSnapshot } from '../../telemetry/snapshot.ts'
import { turnOfLane, turnsNow } from '../../telemetry/turn-figures.ts'
import { answer, answerText } from '../answer.ts'
import { memoryFigures } from '../memory-figures.ts'
import { HttpProblem } from '../problem.ts'
import type { CallerPages, Services } from '../services.ts'
import { JsonText, type SharedPages } from '../shared-pages.ts'

export function queueRoutes(services: Services, shared: SharedPages): Hono {
  const { admission, memory } = services
  const stats = statsPage(services)
  const text = shared.shareEach((model) => {
    if (model === undefined) return new JsonText(stats())
    return new JsonText(statsOf(services, turnOfLane(admission.turns))(viewOf(services, model)))
  })
  return new Hono()
    .get('/queue/stats', refuseWithoutStats(services), (c) => {
      const model = c.req.query('model')
      // All spellings of a name share one variant.
      return answerText(text(model === undefined ? undefined : viewOf(services, model).model))
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
  const { admission, callers, clock, loads, monitor } = services
  const moments = new Moments(clock)
  return () => {
    const { turns } = admission
    return {
      ...takeSnapshot(admission, statsOf(services, turnOfLane(turns))),
      turns: turnsNow({ turns, history: monitor?.turns ?? loads, moments }, clock.now()),
      ...(callers && callersPart(callers)),
    }
  }
}

function callersPart(pages: CallerPages): object {
  const { callers, shares } = pages.now()
  return {
    callers: Array.from(callers, (caller) => callerWithShare(caller, shares)),
    auth: pages.auth(),
    ...fairFigures(shares),
  }
}

/** Returns the figures of one model. `turnOf`: of the turns at the same moment. */
function statsOf({ monitor }: Services, turnOf: ReturnType<typeof turnOfLane>): (view: ModelView) => object {
  return (view) => ({
    ...snapshotOf(view, turnOf(view.lane)),
    ...(monitor && { window: monitor.history.window(view.model) }),
  })
}

/** As viewOf, but never another name of the same runner. */
export function exactViewOf(services: Pick<Services, 'admission' | 'modelKey'>, model: string): ModelView {
  const view = viewOf(services, model)
  if (view.model === services.modelKey(model)) return view
  throw unknownModel(services)
}

/** A model by any spelling of its name. Throws `model_not_found` with the names of all models. */
function viewOf({ admission, modelKey }: Pick<Services, 'admission' | 'modelKey'>, model: string): ModelView {
  const key = modelKey(model)
  const view = key === undefined ? undefined : admission.model(key)
  if (view) return view
  throw unknownModel({ admission })
}

function unknownModel({ admission }: Pick<Services, 'admission'>): HttpProblem {
  const available_models = Array.from(admission.models(), (known) => known.model)
  return new HttpProblem('model_not_found', { fields: { available_models } })
}
