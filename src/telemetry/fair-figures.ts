import { CALL_CLASSES } from '../callers/caller.ts'
import type { CallerWithShare } from '../pages/callers.ts'
import type { ClassFigures, FairFigures } from '../pages/fairness.ts'
import { callerFigures, type KnownCaller } from './caller-figures.ts'
import type { ClassShare, SharesNow } from './shares.ts'
import { hundredths, roundAll } from './snapshot.ts'

/** One caller on a page, with what it had of the last five minutes. */
export function callerWithShare(
  caller: KnownCaller,
  { callers }: Pick<SharesNow, 'callers'>,
): CallerWithShare {
  const { share = 0, slotMs = 0 } = callers.get(caller.id) ?? {}
  // To 0.01, so that /queue/events does not send the page twice a second as the five minutes go on.
  return {
    ...callerFigures(caller),
    share: hundredths(share),
    slot_seconds_5m: hundredths(slotMs / 1_000),
  }
}

/** How the slots are shared, in the answer of `GET /queue/stats`. */
export function fairFigures({ classes, jain, settings }: SharesNow): FairFigures {
  return {
    fairness: settings.fair ? 'on' : 'off',
    reserve: settings.reserve,
    jain: hundredths(jain),
    classes: Object.fromEntries(CALL_CLASSES.map((name) => [name, classFigures(classes[name])])),
  }
}

function classFigures({ weight, active, queued, share, waitMs }: ClassShare): ClassFigures {
  return { weight, active, queued, share: hundredths(share), wait_time_ms: roundAll(waitMs) }
}
