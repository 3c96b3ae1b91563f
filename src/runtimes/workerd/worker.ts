import { answer } from '../../http/answer.ts'
import { MESSAGES } from '../../http/messages.ts'
import { createFrontDoor, type FrontDoor } from './front-door.ts'
import { houseOf } from './house.ts'
import type { ExecutionContext, WorkerEnv } from './platform.ts'

export { Gate } from './gate-object.ts'

let door: FrontDoor | undefined

/** The Worker: relays the calls, for which the gate object gives the slots. */
export default {
  fetch(request: Request, env: WorkerEnv, context: ExecutionContext): Response | Promise<Response> {
    try {
      door ??= createFrontDoor(houseOf(env))
    } catch (error) {
      // The caller cannot mend it and need not know it; who deployed it finds every problem here.
      // biome-ignore lint/suspicious/noConsole: without a configuration there is no log yet
      console.error(error instanceof Error ? error.message : error)
      return answer({ error: 'internal_error', message: MESSAGES.en.internal_error }, 500)
    }
    return door(request, env, context)
  },
}
