import { after, before, describe } from 'node:test'
import type { Target } from './pair.ts'
import { signs } from './signs.cases.ts'
import { signsAndCuts } from './signs-cut.cases.ts'
import { signsBeforeEnds, signsBeforeFailures } from './signs-failures.cases.ts'
import { signsInHttp } from './signs-http.cases.ts'
import { signsAndClients } from './signs-leaving.cases.ts'
import { SignsSetUp } from './signs-setup.ts'
import { signsForWhom } from './signs-who.cases.ts'

/** All cases about signs of life. Those that need no configuration of their own share a proxy. */
export function signsOfLife(target: Target): void {
  describe('signs of life', () => {
    let setUp: SignsSetUp
    before(async () => {
      setUp = await SignsSetUp.start(target)
    })
    after(() => setUp?.stop())
    const shared = (): SignsSetUp => setUp
    // First: nobody has asked for the places in line yet.
    signsInHttp(target, shared)
    signs(target, shared)
    signsAndClients(target, shared)
    signsAndCuts(target, shared)
    signsBeforeFailures(target, shared)
    signsBeforeEnds(target, shared)
    signsForWhom(target)
  })
}
