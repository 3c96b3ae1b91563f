import type { Budgets } from '../../callers/budgets.ts'
import { foregroundClock } from '../../clock.ts'
import type { Config } from '../../config/schema.ts'
import { Callers } from '../../gate/callers.ts'
import type { Log } from '../../telemetry/call-log.ts'
import { webCrypto } from '../fetch/crypto.ts'
import { peerOf } from './peer.ts'

/**
 * Who is calling a Worker. Its configuration does not change while it lives, and nobody is at its machine. The gate object
 * alone charges budgets: where a call needs a slot, the isolate hears there that nothing is left.
 */
export function callersOf({ config, log, budgets, isAdmin = () => false }: Parts): Callers {
  return new Callers({
    clock: foregroundClock,
    crypto: webCrypto,
    log,
    config: () => config,
    hostname: '',
    peer: (c) => peerOf(c.req.raw),
    isAdmin,
    usage: { budgets, add() {} },
  })
}

interface Parts {
  readonly config: Config
  readonly log: Log
  readonly budgets: Budgets
  readonly isAdmin?: ConstructorParameters<typeof Callers>[0]['isAdmin']
}
