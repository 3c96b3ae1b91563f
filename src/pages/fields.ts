import { z } from 'zod'

// The fields of our pages. The words that a field may hold, its format and its range stand in the description alone:
// a program that reads a page must not fail because a newer proxy has one more word.

/** A whole number that is not below 0. */
export function count(description: string) {
  return z.number().meta({ type: 'integer', minimum: 0, description })
}

/** A number that is not below 0, with decimals. The description names the unit. */
export function figure(description: string) {
  return z.number().meta({ minimum: 0, description })
}

/** 0 to 100, with decimals. */
export function percent(description: string) {
  return z.number().meta({ minimum: 0, maximum: 100, description })
}

/** One of these words. */
export function word(words: readonly string[], description: string) {
  return z.string().meta({ enum: words, description })
}

/** A moment, ISO 8601 in UTC. */
export function moment(description: string) {
  return z.string().meta({ format: 'date-time', description })
}

export function text(description: string) {
  return z.string().meta({ description })
}

export function flag(description: string) {
  return z.boolean().meta({ description })
}

/** One entry a model, by the model's key. */
export function byModel<S extends z.ZodType>(entry: S, description: string) {
  return z.record(z.string(), entry).meta({ description })
}

export function list<S extends z.ZodType>(entry: S, description: string) {
  return z.array(entry).meta({ description })
}

export const percentiles = z
  .object({
    p50: figure('Median, in milliseconds.'),
    p95: figure('95th percentile, in milliseconds.'),
    p99: figure('99th percentile, in milliseconds.'),
  })
  .describe('How long something took. Exact to 1.6 %. All 0 before the first call.')
