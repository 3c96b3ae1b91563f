import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderOpenApi } from './openapi.ts'

writeFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'openapi.yaml'), renderOpenApi())
