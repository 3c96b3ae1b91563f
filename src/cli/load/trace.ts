import { z } from 'zod'
import type { Arrival } from './arrivals.ts'

/** Carries what is wrong with a trace file, a line each. */
export class TraceError extends Error {
  override readonly name = 'TraceError'
}

/** A file of another kind has one mistake in every line. */
const MOST_MISTAKES = 5
const SECONDS = /^\d+(\.\d+)?$/
const STAMP = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?Z?$/

const whole = (least: number) => z.coerce.number().int().min(least)
const lengths = z.object({
  prompt_tokens: whole(0),
  output_tokens: whole(1),
  model: z.string().trim().min(1).optional(),
})
const jsonLine = lengths.extend({
  seconds: z.number().min(0),
  prompt_tokens: z.number(),
  output_tokens: z.number(),
})

/**
 * Reads CSV (`seconds,prompt_tokens,output_tokens[,model]`, with or without a line of titles) or JSON lines with
 * these keys. The time may be written as `2023-11-16 18:15:46.6805900`, too. The first arrival becomes 0.
 * @throws TraceError for lines that are not understood, or when there are none.
 */
export function parseTrace(text: string, name: string): Arrival[] {
  const arrivals: Arrival[] = []
  const mistakes: string[] = []
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim()
    if (line === '' || (index === 0 && /^"?[a-z]/i.test(line))) continue
    const arrival = line.startsWith('{') ? fromJson(line) : fromCsv(line)
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

function fromCsv(line: string): Arrival | undefined {
  const [time = '', prompt_tokens = '', output_tokens = '', model, ...rest] = line
    .split(',')
    .map((each) => each.trim())
  const atMs = timeMs(time)
  if (atMs === undefined || rest.length > 0 || prompt_tokens === '' || output_tokens === '') return undefined
  const { data } = lengths.safeParse({ prompt_tokens, output_tokens, model: model || undefined })
  return data && arrival(atMs, data)
}

function fromJson(line: string): Arrival | undefined {
  try {
    const { data } = jsonLine.safeParse(JSON.parse(line))
    return data && arrival(data.seconds * 1_000, data)
  } catch {
    return undefined
  }
}

function arrival(atMs: number, { prompt_tokens, output_tokens, model }: z.output<typeof lengths>): Arrival {
  return { atMs, promptTokens: prompt_tokens, outputTokens: output_tokens, model }
}

function timeMs(text: string): number | undefined {
  if (SECONDS.test(text)) return Number(text) * 1_000
  const [, day, time, fraction = ''] = STAMP.exec(text) ?? []
  // Date reads three digits of a second at most; the rest is added by hand.
  const ms = Date.parse(`${day}T${time}Z`) + Number(`0${fraction || '.0'}`) * 1_000
  return Number.isNaN(ms) ? undefined : ms
}

function brief(line: string): string {
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 57)}...` : line)
}
