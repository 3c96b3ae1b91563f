import { describe } from 'node:test'
import { crashes } from './crash.cases.ts'
import { disconnects } from './disconnect.cases.ts'
import { floods } from './flood.cases.ts'
import type { Target } from './pair.ts'

/** What every runtime must do, seen from outside: the proxy and the simulator are processes of their own. */
export function conformance(target: Target): void {
  describe(`conformance on ${target.name}`, () => {
    floods(target)
    disconnects(target)
    crashes(target)
  })
}
