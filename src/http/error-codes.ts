import { CALL_ERRORS } from './error-codes-of-calls.ts'
import { PAGE_ERRORS } from './error-codes-of-pages.ts'
import type { ErrorRow, Sentence } from './error-row.ts'
import { SENTENCES } from './error-sentences.ts'
import { type Language, waitIn } from './language.ts'

/** Every error that a client can get. A new code is one row in one of the two tables. */
const ERRORS = { ...CALL_ERRORS, ...PAGE_ERRORS }

export type ErrorCode = keyof typeof ERRORS

/** Names a sentence: an error code, or the name of a row of SENTENCES. */
export type MessageKey = ErrorCode | keyof typeof SENTENCES

export const STATUSES = statusesOf(ERRORS)

/** The sentence of each code, and the rows of SENTENCES. */
export const MESSAGES: Readonly<Record<MessageKey, Sentence>> = { ...ERRORS, ...SENTENCES }

const WAIT = /\{wait\|([^}]*)\}/

/** One sentence for people. `waitSeconds`: a whole number; undefined when the wait is unknown. */
export function messageIn(language: Language, key: MessageKey, waitSeconds?: number): string {
  return MESSAGES[key][language].replace(WAIT, (_, later: string) =>
    waitSeconds === undefined ? later : waitIn(language, waitSeconds),
  )
}

function statusesOf<Code extends string>(
  rows: Readonly<Record<Code, ErrorRow>>,
): Readonly<Record<Code, number>> {
  const pairs = Object.entries<ErrorRow>(rows).map(([code, { status }]) => [code, status])
  // Object.fromEntries forgets the names of the keys.
  return Object.fromEntries(pairs) as Record<Code, number>
}
