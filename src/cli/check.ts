import { defineCommand } from 'citty'
import { describeConfig } from '../config/describe.ts'
import { formatProblem } from '../config/problem.ts'
import { EXIT_CONFIG } from './exit-codes.ts'
import { flagValues, optionFlags } from './flags.ts'
import { modelNames } from './key/model-names.ts'
import { checkWarnings, namesModels } from './key/warnings.ts'
import { readConfig } from './read-config.ts'
import { safeText } from './top/safe-text.ts'

/** Prints the effective configuration in the form of `GET /config`, or every problem of the configuration. */
export const checkCommand = defineCommand({
  meta: {
    name: 'check',
    description:
      'Validate the configuration and print the values in force. Exit codes: docs/quick-reference.md.',
  },
  args: optionFlags,
  async run({ args }) {
    const loaded = readConfig(flagValues(args))
    if (!loaded) return EXIT_CONFIG
    for (const warning of loaded.warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`)
    const { config } = loaded
    const models = namesModels(config) ? await modelNames(config) : undefined
    for (const warning of checkWarnings(config, models))
      process.stderr.write(`warning: ${safeText(warning)}\n`)
    process.stdout.write(`${JSON.stringify(describeConfig(loaded), null, 2)}\n`)
    return 0
  },
})
