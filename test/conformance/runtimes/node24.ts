import { NODE_MAIN } from '../../support/main-program.ts'
import { conformance } from '../suite.ts'
import { installed } from './install.ts'

conformance({
  name: 'node 24',
  // As much room for young objects as on Node 20, where the suite's bounds on memory were measured.
  command: [installed('node24'), '--max-semi-space-size=16', ...NODE_MAIN],
  gaps: {
    promptCollection: {
      reason: 'Node 24 collects buffers later than Node 20: an upload may hold 140 MiB of them instead of 70',
      provenBy: 'of 1 GiB streams through, whole, without filling the memory',
    },
  },
})
