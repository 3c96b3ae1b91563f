import type { z } from 'zod'
import { count, figure, text, word } from './fields.ts'
import { liveCall } from './monitor.ts'

const OUTCOMES = ['done', 'failed', 'cancelled', 'timed_out', 'refused'] as const

export const ownCall = liveCall
  .extend({
    state: word(
      ['reading', 'waiting', 'running', 'done'],
      'reading: the body still comes; waiting: the call is in the queue; running: Ollama has the call; done: the call is over.',
    ),
    outcome: word(
      OUTCOMES,
      'How the call ended; null until then. done: Ollama answered; failed: Ollama could not be reached, or its answer is an error or broke off; cancelled: the client left, or an operator ended the call; timed_out: a time limit passed; refused: the call got no slot.',
    ).nullable(),
    reason: text(
      'Why the call got no slot: the code of the error that its client was given. superseded also where a newer call ended the call at Ollama. Null for every other call.',
    ).nullable(),
    status: count(
      'Status of the answer; null until the call is over, and where the client left before that. After signs of life the client was given 200, and this is the status that came too late.',
    ).nullable(),
    total_ms: figure('Milliseconds from the arrival to the end; null until the call is over.').nullable(),
  })
  .describe(
    'One call of a caller, as the caller is told of it. The proxy forgets a call ten minutes after its end, at the latest.',
  )

export type OwnCall = z.infer<typeof ownCall>
