import { node } from './pair.ts'
import { conformance } from './suite.ts'

conformance(node)
