import { z } from 'zod'
import { callerShare } from './fairness.ts'
import { count, figure, flag, list, text, word } from './fields.ts'

export const CALL_CLASSES = ['interactive', 'normal', 'batch']

const limits = {
  parallel_limit: count('Calls that may run at once, all models together. Null: no limit.').nullable(),
  queue_limit: count('Calls that may wait at once, all models together. Null: no limit.').nullable(),
}

/** What a caller has used, and may use. */
export const amounts = z.object({
  today: figure(
    'Used since midnight, local time of the proxy; null for a caller without a key: nobody counts that.',
  ).nullable(),
  month: figure(
    'Used since the first of the month, local time of the proxy; null for a caller without a key.',
  ).nullable(),
  day_budget: figure('What the key may use in a day. Null: no limit.').nullable(),
  month_budget: figure('What the key may use in a month. Null: no limit.').nullable(),
})

/** The fields that say who a caller is, what it does and what it has used. */
export const callerFigures = z
  .object({
    caller: text('Name of a key, or an address (of IPv6 the /64).'),
    key: flag('Whether `caller` is the name of a key of the configuration.'),
    active: count('Calls that hold slots now.'),
    queued: count('Calls that wait now.'),
    ...limits,
    slot_seconds: amounts.describe(
      'Seconds for which calls held slots, times the slots. A call counts once it is over.',
    ),
    tokens: amounts.describe('Tokens in and out together. A call counts once it is over.'),
  })
  .describe('One caller: the party that calls are charged to.')

export const auth = z
  .object({
    mode: word(
      ['off', 'observe', 'enforce'],
      'Whether callers need a key. off: they need none; observe: everybody is served, and the refusals are only counted; enforce: they do.',
    ),
    refused: z.record(z.string(), count('Requests.')).meta({
      description:
        'Requests that were refused since the start, by reason, such as `no_key`, `wrong_key`, `use_not_allowed`, `route_not_allowed`, `model_not_allowed` and `insufficient_quota`. With `observe` those that would have been refused. A reason without requests is absent.',
    }),
  })
  .describe('Who may call, and who was refused.')

export const callerWithShare = callerFigures
  .extend(callerShare)
  .describe('One caller, with what it had of the last five minutes.')

export const callers = list(
  callerWithShare,
  'The keys that have calls now or were used today, and of the callers without a key that had calls in the last five minutes the 100 with most calls now: those with most calls first, then those with most slot-seconds of the last five minutes.',
)

export type CallerFigures = z.infer<typeof callerFigures>
export type CallerWithShare = z.infer<typeof callerWithShare>
export type CallerAmounts = z.infer<typeof amounts>
