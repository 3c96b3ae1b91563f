import { defineCommand } from 'citty'
import { describeConfig } from '../config/describe.ts'
import { EXIT_CONFIG } from './exit-codes.ts'
import { flagValues, optionFlags } from './flags.ts'
import { readConfig } from './read-config.ts'

/** Prints the effective configuration as `GET /config` would, or every problem of it. */
export const checkCommand = defineCommand({
  meta: {
    name: 'check',
    description: 'Validate the configuration and print the effective one; exit 78 when it is wrong.',
  },
  args: optionFlags,
  run({ args }) {
    const loaded = readConfig(flagValues(args))
    if (!loaded) return EXIT_CONFIG
    process.stdout.write(`${JSON.stringify(describeConfig(loaded), null, 2)}\n`)
    return 0
  },
})
