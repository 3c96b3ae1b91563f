import { answer } from '../../http/answer.ts'
import { dialectOf, errorBody } from '../../http/dialect.ts'
import { messageIn } from '../../http/error-codes.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { deploymentOf } from './deployment.ts'
import type { ExecutionContext, WorkerEnv } from './platform.ts'
import { createWorkerApp, type WorkerApp } from './worker-app.ts'

/** Deployed objects are stored under this name. */
export { AdmissionObject as Gate } from './admission-object.ts'

let app: WorkerApp | undefined

/** The Worker relays calls. The admission object grants their slots. */
export default {
  fetch(request: Request, env: WorkerEnv, context: ExecutionContext): Response | Promise<Response> {
    try {
      app ??= createWorkerApp(deploymentOf(env))
    } catch (error) {
      // The caller cannot fix the configuration, so only the console gets the problems.
      // biome-ignore lint/suspicious/noConsole: without a configuration there is no log yet
      console.error(error instanceof Error ? error.message : error)
      const facts = { code: 'internal_error', message: messageIn('en', 'internal_error') } as const
      return answer(errorBody(dialectOf(targetOfUrl(request.url)?.path ?? ''), facts), 500)
    }
    return app(request, env, context)
  },
}
