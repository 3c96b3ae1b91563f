import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderOpenApi } from '../../../src/http/api/openapi.ts'

writeFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'openapi.yaml'), renderOpenApi())
