import { z } from 'zod'

/** A prompt of this length has a few megabytes, which is more than any model takes. */
export const MOST_PROMPT_TOKENS = 1_000_000

/** Decimal digits only: Number() would also accept an empty text and 0x10. */
export const decimal = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'must be a number')
  .transform(Number)

/** A number above zero; decimals are allowed. */
export const positive = decimal.pipe(z.number().positive('must be more than 0'))

/** Seconds, up to the longest timer of Node. */
export const patience = positive.pipe(z.number().max(2_147_483, 'must be at most 2147483'))

/** A whole number of at least `least`. */
export function whole(least: number) {
  return decimal.pipe(z.int('must be a whole number').min(least, `must be ${least} or more`))
}

/** Writes one line to stderr for every wrong flag. */
export function tellMistakes(
  issues: readonly z.core.$ZodIssue[],
  args: Readonly<Record<string, unknown>>,
): void {
  for (const { path, message } of issues) {
    const name = String(path[0])
    process.stderr.write(`flag --${name}: ${JSON.stringify(args[name])} ${message}\n`)
  }
}
