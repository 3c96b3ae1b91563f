import { z } from 'zod'
import { type Option, options } from '../../../src/config/schema.ts'
import { text, word } from '../../../src/pages/fields.ts'

export const source = word(['default', 'config.yaml', 'environment', 'flag'], 'Where a value comes from.')

export const config = z
  .object({
    config_file: text('The file that was read; null when there was none.').nullable(),
    values: z
      .object(each((option) => shapeOf(option).describe(option.sentence)))
      .describe(
        'Value of each option. Times are seconds, sizes are bytes, a secret is "***", an unset option is null.',
      ),
    sources: z.object(each(() => source)).describe('Where the value of each option comes from.'),
  })
  .describe('The configuration that is in force.')

function each<S extends z.ZodType>(field: (option: Option) => S): Record<string, S> {
  return Object.fromEntries(options.map((option) => [option.key, field(option)]))
}

/** Sizes and durations are shown in the unit that they are parsed to, so the unit of the option is not repeated. */
function shapeOf({ secret, defaultWritten, schema }: Option): z.ZodType {
  // Of a map of secrets the names are shown.
  if (secret && typeof defaultWritten === 'object') return z.record(z.string(), z.literal('***'))
  if (secret) return z.literal('***').nullable()
  return defaultWritten === undefined ? z.nonoptional(schema).nullable() : schema
}
