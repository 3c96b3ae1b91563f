import type { GoValue } from './go-decode.ts'
import { WireError } from './wire-error.ts'

const UNITS: Record<string, number> = {
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
 * keep_alive in milliseconds: a number is seconds, a string a Go duration, below zero means for ever. undefined when
 * absent; 0 and absent differ. Throws a WireError 400 for anything else.
 */
export function readKeepAlive(value: GoValue | undefined): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return forEver(value * 1000)
  if (typeof value === 'string') return forEver(goDurationMs(value))
  throw new WireError(400, `Unsupported type: '${typeof value === 'boolean' ? 'bool' : typeof value}'`)
}

function forEver(ms: number): number {
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
    const scale = UNITS[unit]
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
