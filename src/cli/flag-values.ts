import { z } from 'zod'

/** The flags of a command line, by name. */
type Args = Readonly<Record<string, unknown>>

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

/** The values of the flags; undefined when a flag is wrong, after one line on stderr for each. */
export function readFlags<T>(flags: z.ZodType<T>, args: Args): T | undefined {
  const { data, error } = flags.safeParse(args)
  for (const mistake of mistakesIn(args, error)) process.stderr.write(`${mistake}\n`)
  return data
}

/** One line for every wrong flag. */
export function mistakesIn(args: Args, error: z.ZodError | undefined): string[] {
  return (error?.issues ?? []).map(({ path, message }) => {
    const name = String(path[0])
    const given = args[name] === undefined ? '' : `${JSON.stringify(args[name])} `
    return `flag --${name}: ${given}${message}`
  })
}
