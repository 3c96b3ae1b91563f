import { z } from 'zod'
import { MOST_PROMPT_TOKENS, whole } from '../flag-values.ts'
import type { Arrival } from './arrivals.ts'

/** Its message has one line for each mistake in a trace file. */
export class TraceError extends Error {
  override readonly name = 'TraceError'
}

/** A file of another kind has a mistake in every line, so only the first mistakes are listed. */
const MOST_MISTAKES = 5
const SECONDS = /^\d+(\.\d+)?$/
const STAMP = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?Z?$/

const jsonLine = z.object({
  seconds: z.number().min(0),
  prompt_tokens: z.int().min(0).max(MOST_PROMPT_TOKENS),
  output_tokens: z.int().min(1),
  model: z.string().trim().min(1).optional(),
})
const csvLine = jsonLine.extend({
  seconds: z.string().transform(timeSeconds).pipe(jsonLine.shape.seconds),
  prompt_tokens: whole(0).pipe(jsonLine.shape.prompt_tokens),
  output_tokens: whole(1),
})

/**
 * Parses CSV (`seconds,prompt_tokens,output_tokens[,model]`, with or without a title line) or JSON lines with these
 * keys. The time may also be a date, as in `2023-11-16 18:15:46.6805900`. The first arrival is moved to 0.
 * @throws TraceError for lines that are not arrivals, or when there is no arrival.
 */
export function parseTrace(text: string, name: string): Arrival[] {
  const arrivals: Arrival[] = []
  const mistakes: string[] = []
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim()
    if (line === '' || (index === 0 && isTitle(line))) continue
    const arrival = arrivalIn(line)
    if (arrival) arrivals.push(arrival)
    else if (mistakes.length < MOST_MISTAKES)
      mistakes.push(`${name}:${index + 1}: not an arrival: ${brief(line)}`)
    else throw new TraceError([...mistakes, 'and more'].join('\n'))
  }
  if (mistakes.length > 0) throw new TraceError(mistakes.join('\n'))
  const first = arrivals.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY)
  if (arrivals.length === 0) throw new TraceError(`${name}: no arrivals in it`)
  return arrivals.map((each) => ({ ...each, atMs: each.atMs - first })).sort((a, b) => a.atMs - b.atMs)
}

/** Whether the first line of a file names the columns. */
export function isTitle(line: string): boolean {
  return /^"?[a-z]/i.test(line)
}

/** One line of a trace, with the time as it is written; undefined for any other line. */
export function arrivalIn(line: string): Arrival | undefined {
  return line.startsWith('{') ? fromJson(line) : fromCsv(line)
}

function fromCsv(line: string): Arrival | undefined {
  const [seconds, prompt_tokens, output_tokens, model, ...rest] = line.split(',').map((each) => each.trim())
  if (rest.length > 0) return undefined
  const { data } = csvLine.safeParse({ seconds, prompt_tokens, output_tokens, model: model || undefined })
  return data && arrival(data)
}

function fromJson(line: string): Arrival | undefined {
  try {
    const { data } = jsonLine.safeParse(JSON.parse(line))
    return data && arrival(data)
  } catch {
    return undefined
  }
}

function arrival({ seconds, prompt_tokens, output_tokens, model }: z.output<typeof jsonLine>): Arrival {
  return { atMs: seconds * 1_000, promptTokens: prompt_tokens, outputTokens: output_tokens, model }
}

/** NaN when the text is not a time. */
function timeSeconds(text: string): number {
  if (SECONDS.test(text)) return Number(text)
  const [, day, time, fraction = ''] = STAMP.exec(text) ?? []
  // Date.parse reads at most three digits of a second, so the fraction is added here.
  return Date.parse(`${day}T${time}Z`) / 1_000 + Number(`0${fraction || '.0'}`)
}

function brief(line: string): string {
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}...` : line)
}
