import { join } from 'node:path'
import type { Target } from '../pair.ts'
import { conformance } from '../suite.ts'

const workerd: Target = {
  name: 'workerd',
  command: [process.execPath, '--import', 'tsx', join(import.meta.dirname, 'workerd-proxy.ts')],
}

conformance(workerd)
