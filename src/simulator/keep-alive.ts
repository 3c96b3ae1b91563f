import type { GoValue } from './go-decode.ts'
import { WireError } from './wire-error.ts'

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/**
 * keep_alive in milliseconds. A number means seconds, a string is a Go duration, and a value below zero means for ever.
 * Undefined: the field is absent, which is not the same as 0. Throws WireError 400 for other types and invalid text.
 */
export function readKeepAlive(value: GoValue | undefined): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return foreverIfNegative(value * 1000)
  if (typeof value === 'string') return foreverIfNegative(goDurationMs(value))
  throw new WireError(400, `Unsupported type: '${typeof value === 'boolean' ? 'bool' : typeof value}'`)
}

function foreverIfNegative(ms: number): number {
  return ms < 0 ? Number.POSITIVE_INFINITY : ms
}

function goDurationMs(text: string): number {
  const [, sign, rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0
  const invalid = () => new WireError(400, `time: invalid duration ${JSON.stringify(text)}`)
  if (rest === '') throw invalid()
  let total = 0
  let at = 0
  while (at < rest.length) {
    const part = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest.slice(at))
    if (!part) throw invalid()
    const [whole, number, unit = ''] = part
    if (unit === '') throw new WireError(400, `time: missing unit in duration ${JSON.stringify(text)}`)
    const scale = UNIT_MS[unit]
    if (scale === undefined) {
      throw new WireError(
        400,
        `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`,
      )
    }
    total += Number(number) * scale
    at += whole.length
  }
  return sign === '-' ? -total : total
}
