import type { Language } from './language.ts'

/**
 * What people read, in each language. Programs read the code beside a message, which is never translated.
 * `{wait|later}` stands for the wait where the wait is known, and for `later` where the wait is unknown.
 */
export interface Sentence {
  readonly messages: Readonly<Record<Language, string>>
}

/** All that there is to say of one error code. */
export interface ErrorRow extends Sentence {
  readonly status: number
  /** The `type` of an error in Anthropic's API. */
  readonly anthropicType:
    | 'api_error'
    | 'authentication_error'
    | 'invalid_request_error'
    | 'not_found_error'
    | 'overloaded_error'
    | 'permission_error'
    | 'rate_limit_error'
    | 'request_too_large'
    | 'timeout_error'
}
