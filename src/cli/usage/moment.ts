import { dayOf } from '../../callers/windows.ts'

const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 }
const AGO = /^(\d{1,6})([hd])$/
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/

export const MOMENT_HINT = 'must be a time such as 24h or 7d, or a date such as 2026-11-01'

/**
 * Milliseconds since 1970 of a text such as `24h`, `7d` (before `now`) or `2026-11-01` (a local day); undefined for any
 * other text. `edge`: whether a date means the start or the end of its day.
 */
export function momentOf(text: string, edge: 'start' | 'end', now: number): number | undefined {
  const [, count = '', unit = ''] = AGO.exec(text) ?? []
  if (count !== '') return now - Number(count) * (UNITS_MS[unit] ?? 0)
  const [, year, month, day] = DATE.exec(text) ?? []
  if (year === undefined) return undefined
  const start = new Date(Number(year), Number(month) - 1, Number(day)).getTime()
  // Date takes 2026-02-30 for the second of March.
  const { id, endsAt } = dayOf(start)
  if (id !== text) return undefined
  return edge === 'start' ? start : endsAt
}
