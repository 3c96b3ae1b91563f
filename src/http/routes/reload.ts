import { Hono } from 'hono'
import type { ReloadResult } from '../../config/changes.ts'
import type { AdminGuard } from '../admin-guard.ts'
import { answer } from '../answer.ts'
import { HttpProblem } from '../problem.ts'

/** A restart takes a few seconds. The proxy then starts with the new configuration. */
const RETRY_SECONDS = 5

export function reloadRoutes(
  { admin }: { readonly admin: AdminGuard },
  reload: () => Promise<ReloadResult>,
): Hono {
  return new Hono().post('/admin/reload', admin.lets('reload'), async () => {
    const result = await reload()
    switch (result.status) {
      case 'reloaded':
        return answer({ status: 'reloaded', applied: result.applied, needs_restart: result.needsRestart })
      case 'invalid':
        throw new HttpProblem('invalid_config', { fields: { problems: result.problems } })
      case 'draining':
        throw new HttpProblem('shutting_down', { headers: ['Retry-After', String(RETRY_SECONDS)] })
    }
  })
}
