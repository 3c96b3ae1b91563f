export type MessageKey =
  | 'queue_full'
  | 'paused'
  | 'timeout'
  | 'timeout_whole'
  | 'upstream_error'
  | 'body_too_large'
  | 'body_stalled'
  | 'invalid_form'
  | 'invalid_target'
  | 'too_many_attempts'
  | 'shutting_down'
  | 'stream_broken'
  | 'stream_idle'
  | 'cancelled'
  | 'stream_cancelled'
  | 'request_not_found'
  | 'too_many_listeners'
  | 'internal_error'
  | 'unauthorized'
  | 'forbidden'
  | 'foreign_host'
  | 'model_not_found'
  | 'stats_disabled'
  | 'invalid_request'
  | 'invalid_config'
  | 'not_found'
  | 'method_not_allowed'

/** One language. */
export interface Words {
  /**
   * A wait that begins now, by the plural category of its number of seconds. `{n}` is that number; a form may leave the
   * number out where the language says it in a word.
   */
  readonly seconds: Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string }
  /**
   * What people read; the codes beside a message are for programs and never translated. `{wait|later}` stands for the
   * wait where it is known, and for `later` where it is not.
   */
  readonly messages: Readonly<Record<MessageKey, string>>
}
