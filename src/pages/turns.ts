import { z } from 'zod'
import { count, figure, flag, list, moment, percent, text, word } from './fields.ts'

const MODES = {
  auto: 'auto: the proxy orders the turns',
  off: 'off: switched off',
  unavailable: 'unavailable: Ollama does not tell what is loaded',
}

const LOAD_REASONS = {
  first: 'first: no other runner was loaded',
  together: 'together: the runner fits beside all loaded ones',
  idle: 'idle: the runners that left had no work',
  aged: 'aged: a call had waited `turn.max_wait`',
  owed: 'owed: a caller was behind all callers that waited for the runners that left',
  meeting: 'meeting: to see whether the runner fits beside the loaded ones',
  outside: 'outside: no call of this proxy asked for the load',
}

const LEAVE_REASONS = {
  evicted: 'evicted: to make room for a runner that this proxy had loaded',
  expired: 'expired: its keep_alive ran out',
  unloaded: 'unloaded: a call of this proxy asked for it',
  outside: 'outside: none of these',
}

const STATES = {
  loading: 'loading: Ollama loads the runner',
  loaded: 'loaded: calls run at once, as far as there are slots',
  leaving: 'leaving: gets no more calls, because another runner is to come',
}

const sentence = (words: Readonly<Record<string, string>>) => `${Object.values(words).join('; ')}.`

export const turnRunner = z
  .object({
    runner: text('What Ollama runs, as in /queue/stats.'),
    names: list(z.string(), 'The models that share the runner: at most ten.'),
    options: text('The options with which the runner is loaded, as `num_ctx=4096`. Empty: all automatic.'),
  })
  .describe('A runner that is loaded, was loaded or is to be loaded.')

export const runnerState = turnRunner
  .extend({
    state: word(Object.keys(STATES), sentence(STATES)),
    since: moment('Since when the runner has this state.'),
  })
  .describe('A runner that has the machine, or is on its way in or out.')

export const nextRunner = turnRunner
  .extend({ since: moment('Since when its first call has waited.') })
  .describe('The runner that comes next.')

const runnerSets = (description: string) => list(z.array(z.string()), description)

export const turnsNow = z
  .object({
    mode: word(Object.keys(MODES), `${sentence(MODES)} Only in \`auto\` a call waits for a turn.`),
    loaded: list(
      runnerState,
      'The runners in memory and the runner that is being loaded, the longest first.',
    ),
    next: nextRunner.nullable(),
    credit_ms: z
      .number()
      .describe(
        'Milliseconds of switching that may be spent now, from `turn.max_switching`. Negative: a switch took longer than expected. /queue/events does not send the page again for this field alone.',
      ),
    together: runnerSets('The largest sets of runners that were seen in memory together.'),
    apart: runnerSets('The smallest sets of runners of which one left when the last was loaded.'),
    loads: z
      .record(z.string(), z.number())
      .optional()
      .meta({
        description: `Loads since the start of the proxy, failed ones included, by reason. ${sentence(LOAD_REASONS)}`,
      }),
    loading_percent: percent(
      'The part of the last five minutes in which Ollama loaded a model, in whole percent.',
    ).optional(),
  })
  .describe('Who has the machine, and who comes next.')

export const turn = z
  .object({
    number: count('Counted from the start of the proxy. A turn keeps its number.'),
    ...turnRunner.shape,
    reason: word(
      Object.keys(LOAD_REASONS),
      `Why the runner was loaded. ${sentence(LOAD_REASONS)} Null when the proxy did not see the load.`,
    ).nullable(),
    failed: flag(
      'True when Ollama could not load the runner, or when the client left meanwhile. The runner then had no turn.',
    ),
    from: list(turnRunner, 'The runners that had to leave for this one.'),
    drain_ms: figure(
      'Milliseconds from the decision until the last call of `from` was over; null when the proxy did not see the load.',
    ).nullable(),
    load_ms: figure(
      'Milliseconds from the call that asked for the runner to the first sign that the runner is loaded; null when the proxy did not see the load.',
    ).nullable(),
    loaded_at: moment('End of the load; null when the proxy did not see the load.').nullable(),
    left_at: moment(
      'When the runner was seen to have left memory, or when it began to be loaded again; null while the runner is loaded.',
    ).nullable(),
    leave_reason: word(
      Object.keys(LEAVE_REASONS),
      `Why the runner left memory. ${sentence(LEAVE_REASONS)} Null while the runner is loaded, and when it was loaded again.`,
    ).nullable(),
  })
  .describe('A turn: the time in which a runner is loaded, and its load.')

export const newestTurns = z
  .object({
    turns: list(
      turn,
      'The turns that changed last, at most 20, the newest change last: a turn changes when it begins and when it ends.',
    ),
  })
  .describe('The turns that changed last.')

export type TurnEntry = z.infer<typeof turn>
export type TurnsNow = z.infer<typeof turnsNow>
