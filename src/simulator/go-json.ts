/** An object literal is a Go struct, in the order of its fields. Undefined leaves a field out (omitempty). */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

const ESCAPES: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** JSON as Go's encoding/json writes it. */
export function goJson(value: Json): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => ESCAPES[char] ?? char)
}

/** A Go map instead of a struct: its keys are sorted, and so are the keys of the objects inside. */
export function goMap(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => goMap(item))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, goMap(item ?? null)]))
}

/** RFC 3339 in UTC, with up to nine digits of a second and no zeros at the end. Takes milliseconds since 1970. */
export function goTime(wallMs: number): string {
  const seconds = Math.floor(wallMs / 1000)
  const nanoseconds = Math.min(999_999_999, Math.round((wallMs - seconds * 1000) * 1e6))
  const fraction = String(nanoseconds).padStart(9, '0').replace(/0+$/, '')
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19)
  return fraction ? `${whole}.${fraction}Z` : `${whole}Z`
}

/** A duration in whole nanoseconds; undefined for 0 (omitempty). */
export function goDuration(ms: number): number | undefined {
  return omitZero(Math.round(ms * 1e6))
}

/** omitempty of a number: undefined for 0. */
export function omitZero(value: number): number | undefined {
  return value === 0 ? undefined : value
}

/** The number that JavaScript prints as Go prints the float32 `value`: with the fewest digits that identify it. */
export function shortestFloat32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return short
  }
  return Number(value.toPrecision(9))
}
