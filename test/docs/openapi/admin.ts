import { z } from 'zod'
import { MOST_PARALLEL, MOST_QUEUED } from '../../../src/config/values.ts'
import { count, list, text, word } from '../../../src/pages/fields.ts'

const NAME = 'Name of a model in any spelling'

export const updateBody = z
  .object({
    model: text(`${NAME}, or \`*\` for the defaults. A model that the proxy has not seen yet is accepted.`),
    parallel_limit: z
      .number()
      .meta({ type: 'integer', minimum: 1, maximum: MOST_PARALLEL, description: 'New number of slots.' })
      .optional(),
    queue_limit: z
      .number()
      .meta({
        type: 'integer',
        minimum: 0,
        maximum: MOST_QUEUED,
        description: 'New number of places in the queue.',
      })
      .optional(),
  })
  .meta({
    description: 'At least one of the two limits.',
    anyOf: [{ required: ['parallel_limit'] }, { required: ['queue_limit'] }],
  })

export const updated = z
  .object({
    model: text('Key of the model, or `*`.'),
    parallel_limit: count('Slots that are in force now.'),
    queue_limit: count('Places in the queue that are in force now.'),
    status: word(['updated'], 'The limits are in force.'),
  })
  .describe(
    'The limits after the change. Running calls keep their slots and waiting calls keep their places.',
  )

const affected = (what: string) => list(z.string(), `Keys of the models ${what}.`)

export const reset = z
  .object({ status: word(['reset'], 'The figures are zero.'), models: affected('whose figures were reset') })
  .describe('The models whose figures are zero now.')

export const cancelBody = z
  .object({
    id: z.string().meta({ minLength: 1, description: 'The `id` of the call in `/queue/requests`.' }),
  })
  .describe('The call to end.')

export const cancelled = z
  .object({
    id: text('The id of the call.'),
    status: word(['cancelled'], 'The call is over.'),
    state: word(['reading', 'waiting', 'running'], 'What the call did until then.'),
  })
  .describe('The call that was ended.')

export const pauseBody = z
  .object({ model: text(`${NAME}, or \`*\` for all models. The default is \`*\`.`).optional() })
  .describe('The model to pause or to resume.')

export const paused = z
  .object({
    status: word(['paused', 'resumed'], 'What the models are now.'),
    models: affected('that are in this state now because of the request'),
  })
  .describe('The models that were paused or resumed.')

export const reloaded = z
  .object({
    status: word(['reloaded'], 'The configuration was read and is in force.'),
    applied: list(z.string(), 'Keys of config.yaml whose new values are in force.'),
    needs_restart: list(z.string(), 'Keys of config.yaml whose new values need a restart.'),
  })
  .describe('What came of reading the configuration again.')
