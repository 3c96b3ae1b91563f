import { z } from 'zod'

/** A prompt of a few megabytes: more than any model takes. */
export const MOST_PROMPT_TOKENS = 1_000_000

/** A number written out, so that an empty text or 0x10 is none. */
const decimal = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'must be a number')
  .transform(Number)

/** Seconds, or anything else that may have decimals, above zero. */
export const positive = decimal.pipe(z.number().positive('must be more than 0'))

/** Seconds that a timer can take. */
export const patience = positive.pipe(z.number().max(2_147_483, 'must be at most 2147483'))

/** A whole number of at least `least`. */
export function whole(least: number) {
  return decimal.pipe(z.int('must be a whole number').min(least, `must be ${least} or more`))
}

/** Says on stderr what is wrong with which flag, a line each. */
export function tellMistakes(
  issues: readonly z.core.$ZodIssue[],
  args: Readonly<Record<string, unknown>>,
): void {
  for (const { path, message } of issues) {
    const name = String(path[0])
    process.stderr.write(`flag --${name}: ${JSON.stringify(args[name])} ${message}\n`)
  }
}
