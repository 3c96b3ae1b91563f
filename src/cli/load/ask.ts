import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { MOST_PROMPT_TOKENS, mistakesIn, patience, positive, whole } from '../flag-values.ts'
import { urlProblem } from '../top/address.ts'
import { parseMix } from './model-mix.ts'
import { ROUTES } from './routes.ts'
import { parseTrace, TraceError } from './trace.ts'

const LARGEST_SEED = 2 ** 32 - 1

const flags = z.object({
  url: z
    .string({ error: 'must name the address to load' })
    .superRefine((text, context) => {
      const problem = urlProblem(text)
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
    })
    .transform((text) => text.replace(/\/+$/, '')),
  rate: positive.prefault('5'),
  duration: patience.optional(),
  model: z.string().transform((text, context) => {
    const mix = parseMix(text)
    if (mix) return mix
    context.addIssue({
      code: 'custom',
      message: 'must be names separated by commas, each with or without =weight',
    })
    return z.NEVER
  }),
  route: z.string().refine((route) => Object.hasOwn(ROUTES, route), {
    error: `must be one of ${Object.keys(ROUTES).join(', ')}`,
  }),
  'prompt-tokens': whole(0)
    .pipe(z.number().max(MOST_PROMPT_TOKENS, `must be at most ${MOST_PROMPT_TOKENS}`))
    .prefault('100'),
  tokens: whole(1).prefault('50'),
  timeout: patience,
  seed: whole(0)
    .pipe(z.number().max(LARGEST_SEED, `must be at most ${LARGEST_SEED}`))
    .optional(),
  speed: positive.prefault('1'),
  'max-in-flight': whole(1),
  trace: z
    .string()
    .transform((path, context) => {
      try {
        return { path, arrivals: parseTrace(readFileSync(path, 'utf8'), path) }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        context.addIssue({
          code: 'custom',
          message: error instanceof TraceError ? `is not a trace:\n${reason}` : `cannot be read: ${reason}`,
        })
        return z.NEVER
      }
    })
    .optional(),
})

export type Asked = z.output<typeof flags> & { readonly stream: boolean }

/** Flags for values that a trace itself holds. */
const NOT_WITH_A_TRACE = ['rate', 'prompt-tokens', 'tokens']

/** The load that the flags ask for, or one line for every mistake in them. */
export function readAsked(args: Readonly<Record<string, unknown>>): Asked | string[] {
  const parsed = flags.safeParse(args)
  const mistakes = mistakesIn(args, parsed.error)
  for (const name of args.trace === undefined ? [] : NOT_WITH_A_TRACE) {
    if (args[name] !== undefined)
      mistakes.push(`flag --${name}: the trace sets this value; use either --trace or --${name}`)
  }
  if (args.trace === undefined && args.speed !== undefined)
    mistakes.push('flag --speed: only a trace (--trace) has a speed')
  const route = ROUTES[String(args.route)]
  if (route?.streams === false && args.stream === true)
    mistakes.push(`flag --stream: ${args.route} does not stream`)
  if (!parsed.success || mistakes.length > 0) return mistakes
  return { ...parsed.data, stream: route?.streams === true && args.stream !== false }
}
