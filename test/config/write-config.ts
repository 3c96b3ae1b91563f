import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RECOMMENDED_LOG_FILE, renderConfigFile } from '../../src/config/template.ts'

writeFileSync(
  join(import.meta.dirname, '..', '..', 'config.yaml'),
  renderConfigFile({ log_file: RECOMMENDED_LOG_FILE }),
)
