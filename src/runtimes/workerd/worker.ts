import { answer } from '../../http/answer.ts'
import { dialectOf, errorBody } from '../../http/dialect.ts'
import { messageIn } from '../../http/error-codes.ts'
import { targetOfUrl } from '../../ollama/target.ts'
import { deploymentOf } from './deployment.ts'
import type { ExecutionContext, WorkerEnv } from './platform.ts'
import { createWorkerApp, type WorkerApp } from './worker-app.ts'

export { AdmissionObject as Gate } from './admission-object.ts'

let door: WorkerApp | undefined

/** The Worker: relays the calls, for which the gate object gives the slots. */
export default {
  fetch(request: Request, env: WorkerEnv, context: ExecutionContext): Response | Promise<Response> {
    try {
      door ??= createWorkerApp(deploymentOf(env))
    } catch (error) {
      // The caller cannot mend it and need not know it; who deployed it finds every problem here.
      // biome-ignore lint/suspicious/noConsole: without a configuration there is no log yet
      console.error(error instanceof Error ? error.message : error)
      const facts = { code: 'internal_error', message: messageIn('en', 'internal_error') } as const
      return answer(errorBody(dialectOf(targetOfUrl(request.url)?.path ?? ''), facts), 500)
    }
    return door(request, env, context)
  },
}
