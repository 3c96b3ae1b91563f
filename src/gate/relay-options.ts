import type { Clock } from '../clock.ts'
import { callLimits } from '../config/call-limits.ts'
import type { Config } from '../config/schema.ts'
import { STATUSES } from '../http/error-codes.ts'
import { CLIENT_GONE } from '../http/errors.ts'
import type { Language } from '../http/language.ts'
import { renderErrorTrailer, renderLastWords } from '../http/late-errors.ts'
import { RequestIds } from '../relay/call-headers.ts'
import type { RelayOptions } from '../relay/contract.ts'
import { Origins } from '../relay/origins.ts'
import type { Log } from '../telemetry/call-log.ts'

export interface RelaySettings {
  readonly clock: Clock
  readonly config: Config
  readonly log: Log
  /** Read again for every message: a reload can change the language. */
  readonly language: () => Language | 'auto'
  /** Read again for every call and every sign of life. */
  readonly signs: () => Config['waiting']
  readonly placeOf: RelayOptions['placeOf']
  /** Read again for every call. */
  readonly classFrom: () => Config['class_from']
}

/** The options of a relay that do not depend on what grants its slots. */
export function relayOptions({
  clock,
  config,
  log,
  language,
  classFrom,
  placeOf,
  signs,
}: RelaySettings): Omit<
  RelayOptions,
  'admission' | 'queueKeys' | 'refuses' | 'waiting' | 'upstream' | 'health' | 'finished'
> {
  return {
    clock,
    classFrom,
    origins: new Origins(),
    ids: new RequestIds(),
    ...callLimits(config),
    statuses: { ...STATUSES, client_gone: CLIENT_GONE },
    placeOf,
    signs: () => {
      const { when, after, every } = signs()
      return { when, afterMs: after * 1_000, everyMs: every * 1_000 }
    },
    lastWords: (error, answer) =>
      renderLastWords(error, answer, language(), (unexpected) =>
        log.error('unexpected error in a request', { error: unexpected }),
      ),
    errorTrailer: (broken) => renderErrorTrailer(broken, language()),
    passed: (request) => log.info('passed through', { ...request }),
  }
}
