import { z } from 'zod'
import { CALL_CLASSES, callerFigures } from './callers.ts'
import { figure, list, moment, text, word } from './fields.ts'
import { requests } from './monitor.ts'

export const me = callerFigures
  .extend({
    user: text('The person behind the key, as Open WebUI says; null where nobody says.').nullable(),
    class: word(CALL_CLASSES, 'The class of a call that asks for none.'),
    max_class: word(CALL_CLASSES, 'The most urgent class that a call can ask for.'),
    weight: figure('The share of slot-time beside other callers of the same class. 1 where no key says.'),
    may: list(
      z.string(),
      'What the caller may do. infer: run models; view: read the pages of the proxy; manage: change Ollama, and view.',
    ),
    models: list(
      z.string(),
      'The models that the caller may use, with `*` and `?` as wildcards; an entry with `!` in front excludes. Null: all models.',
    ).nullable(),
    resets_at: z
      .object({ day: moment('Midnight.'), month: moment('The first of the next month.') })
      .nullable()
      .describe('When the use of today and of the month begins at 0 again; null for a caller without a key.'),
    ...requests.shape,
  })
  .extend({
    total: requests.shape.total
      .meta({
        description:
          'The calls of this caller, also those that the list leaves out. Where a person is behind the key, the calls of this person. Absent on runtimes that keep calls and lanes in different processes.',
      })
      .optional(),
    requests: requests.shape.requests
      .meta({
        description:
          'These calls, at most 500, as in /queue/requests. Absent on runtimes that keep calls and lanes in different processes.',
      })
      .optional(),
  })
  .describe('Who the client is for the proxy, what it may do and what it has used.')

export type MePage = z.infer<typeof me>
