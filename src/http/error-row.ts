import type { Language } from './language.ts'

/**
 * What people read, in each language. Programs read the code beside a message, which is never translated.
 * `{wait|later}` stands for the wait where the wait is known, and for `later` where the wait is unknown.
 */
export type Sentence = Readonly<Record<Language, string>>

/** The status of one error code, and its sentence. */
export interface ErrorRow extends Sentence {
  readonly status: number
}
