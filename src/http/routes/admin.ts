import { zValidator } from '@hono/zod-validator'
import { Hono, type MiddlewareHandler } from 'hono'
import { z } from 'zod'
import type { ReloadResult } from '../../config/changes.ts'
import { integer, MOST_PARALLEL, MOST_QUEUED } from '../../config/values.ts'
import { answer } from '../answer.ts'
import { boundedBody } from '../bounded-body.ts'
import { HttpProblem } from '../problem.ts'
import type { Monitor, Services } from '../services.ts'
import { exactViewOf } from './queue.ts'

/** A restart takes a few seconds. The proxy then starts with the new configuration. */
const RESTART_SECONDS = 5

/** Changes to the proxy while it runs. The guard decides before anything of a request is read. */
export function adminRoutes(services: Services): Hono {
  const { admin, admission, monitor, reload } = services
  const bounded = boundedBody(services.clock)
  const app = new Hono()

  app.post('/admin/queue/reset', admin.lets('reset'), zValidator('query', resetQuery, refuseInvalid), (c) => {
    const { model } = c.req.valid('query')
    admin.addToLog(c, { model: model ?? '*' })
    const views = model === undefined ? [...admission.models()] : [exactViewOf(services, model)]
    for (const { observer } of views) observer.reset()
    return answer({ status: 'reset', models: views.map((view) => view.model) })
  })

  const update = zValidator('json', updateBody(services.modelKey), refuseInvalid)
  app.post('/admin/queue/update', admin.lets('update'), requireJson, bounded, update, (c) => {
    const { model, ...change } = c.req.valid('json')
    admin.addToLog(c, { model, ...change })
    const { parallel_limit: parallel, queue_limit: queue } = change
    const limits = admission.configure(model, {
      ...(parallel !== undefined && { parallel }),
      ...(queue !== undefined && { queue }),
    })
    return answer({ model, parallel_limit: limits.parallel, queue_limit: limits.queue, status: 'updated' })
  })

  if (monitor) addInterventions(app, services, monitor)
  if (reload) app.post('/admin/reload', admin.lets('reload'), async () => answerToReload(await reload()))
  return app
}

/** An operator cancels a call, or pauses and resumes models. */
function addInterventions(app: Hono, services: Services, monitor: Monitor): void {
  const { admin } = services
  const bounded = boundedBody(services.clock)

  const cancel = zValidator('json', cancelBody, refuseInvalid)
  app.post('/admin/queue/cancel', admin.lets('cancel'), requireJson, bounded, cancel, (c) => {
    const { id } = c.req.valid('json')
    admin.addToLog(c, { request_id: id })
    const found = monitor.calls.cancel(id)
    if (!found) throw new HttpProblem('request_not_found')
    return answer({ id, status: 'cancelled', state: found.state })
  })

  const pause = zValidator('json', pauseBody(services.modelKey), refuseInvalid)
  for (const [action, status] of Object.entries({ pause: 'paused', resume: 'resumed' })) {
    app.post(`/admin/queue/${action}`, admin.lets(action), requireJson, bounded, pause, (c) => {
      const { model } = c.req.valid('json')
      admin.addToLog(c, { model })
      const views = monitor.pause(model, action === 'pause')
      return answer({ status, models: views.map((view) => view.model) })
    })
  }
}

function answerToReload(result: ReloadResult): Response {
  switch (result.status) {
    case 'reloaded':
      return answer({ status: 'reloaded', applied: result.applied, needs_restart: result.needsRestart })
    case 'invalid':
      throw new HttpProblem('invalid_config', { fields: { problems: result.problems } })
    case 'draining':
      throw new HttpProblem('shutting_down', { headers: ['Retry-After', String(RESTART_SECONDS)] })
  }
}

/** Strict, because a misspelt `model` would otherwise reset all models. */
const resetQuery = z.strictObject({ model: z.string().optional() })

const cancelBody = z.strictObject({ id: z.string().min(1) })

/** `*`, or a model's name in any spelling. The result is the model's key. `all`: what `*` stands for. */
const modelField = (modelKey: Services['modelKey'], all: string) =>
  z.string().transform((name, context) => {
    const key = name === '*' ? name : modelKey(name)
    if (key !== undefined) return key
    context.addIssue({ code: 'custom', message: `Expected a model name, or "*" for ${all}` })
    return z.NEVER
  })

const pauseBody = (modelKey: Services['modelKey']) =>
  z.strictObject({ model: modelField(modelKey, 'all').default('*') })

const updateBody = (modelKey: Services['modelKey']) =>
  z
    .strictObject({
      model: modelField(modelKey, 'the defaults'),
      parallel_limit: integer(1, MOST_PARALLEL).optional(),
      queue_limit: integer(0, MOST_QUEUED).optional(),
    })
    .refine((body) => body.parallel_limit !== undefined || body.queue_limit !== undefined, {
      error: 'Expected parallel_limit, queue_limit or both',
    })

function refuseInvalid(result: { success: true } | { success: false; error: z.core.$ZodError }): void {
  if (!result.success) throw invalidRequest(result.error.issues)
}

function invalidRequest(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): HttpProblem {
  return new HttpProblem('invalid_request', {
    fields: { issues: issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message })) },
  })
}

/** For any other content type the validator sees an empty body, and would report the wrong mistake. */
const requireJson: MiddlewareHandler = async (c, next) => {
  if (!/^application\/json\s*(?:;|$)/i.test(c.req.header('content-type') ?? '')) {
    throw invalidRequest([{ path: [], message: 'Expected Content-Type: application/json' }])
  }
  await next()
}
