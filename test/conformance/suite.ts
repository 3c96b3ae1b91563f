import { after, describe } from 'node:test'
import { administration } from './admin.cases.ts'
import { watchAnswers } from './answer-watch.ts'
import { answers } from './answers.cases.ts'
import { bodies } from './bodies.cases.ts'
import { anthropicClient } from './clients/anthropic.cases.ts'
import { ollamaClient } from './clients/ollama.cases.ts'
import { openaiClient } from './clients/openai.cases.ts'
import { clientsThatWait } from './clients/signs.cases.ts'
import { clientTimeouts } from './clients/timeouts.cases.ts'
import { connections } from './connections.cases.ts'
import { crashes } from './crash.cases.ts'
import { disconnects } from './disconnect.cases.ts'
import { fair } from './fair.cases.ts'
import { fairClasses } from './fair-classes.cases.ts'
import { fairFloods } from './fair-flood.cases.ts'
import { fairPlaces } from './fair-places.cases.ts'
import { floods } from './flood.cases.ts'
import { hardBodies } from './hard-bodies.cases.ts'
import { hostileInput } from './hostile.cases.ts'
import { keyBudgets } from './key-budgets.cases.ts'
import { keyClients } from './key-clients.cases.ts'
import { keyLoad } from './key-load.cases.ts'
import { keyManagement } from './key-management.cases.ts'
import { keyModels } from './key-permissions.cases.ts'
import { keySecrecy } from './key-secrecy.cases.ts'
import { keyUsers } from './key-users.cases.ts'
import { keys } from './keys.cases.ts'
import { operators } from './operator.cases.ts'
import { ownCalls } from './own-call.cases.ts'
import type { Target } from './pair.ts'
import { promises } from './promises.cases.ts'
import { protocol } from './protocol.cases.ts'
import { refusals } from './refusals.cases.ts'
import { reloads } from './reload.cases.ts'
import { routes } from './routes.cases.ts'
import { runners } from './runners.cases.ts'
import { signsOfLife } from './signs-suite.ts'
import { slots } from './slots.cases.ts'
import { slowClients } from './slow-clients.cases.ts'
import { streams } from './streams.cases.ts'
import { stuckRunners } from './stuck.cases.ts'
import { superseded } from './superseded.cases.ts'
import { targets } from './targets.cases.ts'
import { turnFaults } from './turn-faults.cases.ts'
import { turns } from './turns.cases.ts'
import { uploads } from './uploads.cases.ts'
import { upstreams } from './upstream.cases.ts'
import { waits } from './waits.cases.ts'

/** What every runtime must do, seen from outside: the proxy and the simulator are processes of their own. */
export function conformance(target: Target): void {
  describe(`conformance on ${target.name}`, () => {
    watchAnswers()
    // Node 20 at times spins for ever in its cleanup of handles at the end of this process
    // (node::Environment::CleanupHandles). An exit within the event ends the process without that cleanup. The listener
    // comes last, behind the one of node:test.
    after(() => process.on('exit', (code) => process.exit(code)))
    const slow = slowClients(target)
    const stuck = stuckRunners(target)
    floods(target)
    runners(target)
    slots(target)
    turns(target)
    turnFaults(target)
    disconnects(target)
    crashes(target)
    promises(target)
    routes(target)
    refusals(target)
    protocol(target)
    connections(target)
    hostileInput(target)
    targets(target)
    hardBodies(target)
    uploads(target)
    bodies(target)
    streams(target)
    answers(target)
    operators(target)
    ownCalls(target)
    administration(target)
    reloads(target)
    keys(target)
    keyModels(target)
    keyManagement(target)
    keyBudgets(target)
    keySecrecy(target)
    keyUsers(target)
    keyClients(target)
    keyLoad(target)
    fair(target)
    fairClasses(target)
    fairPlaces(target)
    fairFloods(target)
    superseded(target)
    upstreams(target)
    waits(target)
    signsOfLife(target)
    ollamaClient(target)
    openaiClient(target)
    anthropicClient(target)
    clientTimeouts(target)
    clientsThatWait(target)
    slow.wait()
    stuck.wait()
  })
}
