import { z } from 'zod'
import { count, figure, percentiles, word } from './fields.ts'

/** 0 to 1, with decimals. */
function part(description: string) {
  return z.number().meta({ minimum: 0, maximum: 1, description })
}

/** What one caller had of the last five minutes. */
export const callerShare = {
  share: part(
    'The part of all slot-time of the last five minutes that the calls of this caller had: 0 to 1, to 0.01. Calls that run count.',
  ),
  slot_seconds_5m: figure(
    'Seconds of the last five minutes for which calls of this caller held slots, times the slots. Calls that run count. /queue/events does not send the page again for this field alone.',
  ),
}

export const classFigures = z
  .object({
    weight: figure('While all classes wait, they get slot-time in the proportions of their weights.'),
    active: count('Calls of this class that hold slots now.'),
    queued: count('Calls of this class that wait now.'),
    share: part(
      'The part of all slot-time of the last five minutes that the calls of this class had: 0 to 1, to 0.01. Calls that run count.',
    ),
    wait_time_ms: percentiles.describe(
      'Time in the queue, over the calls that ended in the last five minutes. All 0 where there is none.',
    ),
  })
  .describe('One class of calls: interactive, normal or batch.')

/** How the slots are shared among those that wait. */
export const fairness = z.object({
  fairness: word(
    ['on', 'off'],
    'on: callers that wait get slot-time in the proportions of their weights; off: calls go in the order of their arrival.',
  ),
  reserve: count('Slots of each model that calls of the class batch never take.'),
  jain: part(
    "Jain's index of the last five minutes, over the callers that had calls in the queue or in slots, of their slot-seconds divided by their weights: 1 where all had the same and where fewer than two called, 1/n where one of n had all. Says something only for callers that had calls all the time. To 0.01.",
  ),
  classes: z
    .record(z.string(), classFigures)
    .meta({ description: 'Figures by class: interactive, normal, batch.' }),
})

export type ClassFigures = z.infer<typeof classFigures>
export type FairFigures = z.infer<typeof fairness>
