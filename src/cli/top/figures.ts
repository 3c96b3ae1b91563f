/** Short forms of figures. Null and undefined: the figure is unknown. */

const UNKNOWN = '-'

/** `0ms`, `120ms`, `1.2s`, `45s`, `3m05s`, `2h13m`, `4d7h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return UNKNOWN
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${String(seconds % 60).padStart(2, '0')}s`
  const hours = Math.floor(minutes / 60)
  return hours < 24
    ? `${hours}h${String(minutes % 60).padStart(2, '0')}m`
    : `${Math.floor(hours / 24)}d${hours % 24}h`
}

/** `87`, `1234`, `12.3k`, `4.5M`. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN
  if (value < 10_000) return String(Math.round(value))
  return value < 999_950 ? `${(value / 1_000).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`
}

/** `512B`, `10.0K`, `1.2M`; each unit is 2^10 of the unit before. */
export function bytes(value: number): string {
  if (value < 1_024) return `${value}B`
  const [unit, size] = value < 2 ** 20 ? ['K', 2 ** 10] : value < 2 ** 30 ? ['M', 2 ** 20] : ['G', 2 ** 30]
  return `${(value / size).toFixed(1)}${unit}`
}

/** Tokens per second; one decimal below ten. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN
  return value > 0 && value < 10 ? value.toFixed(1) : count(value)
}

/**
 * A bar of `cells` cells, with another pattern for the part that `others` use. The bar is empty only at zero, and full
 * only when all of `limit` is used. The part of `used` has at least one cell.
 */
export function bar(used: number, limit: number, cells: number, others = 0): string {
  const filled = cellsOf(used + others, limit, cells)
  const most = used > 0 ? filled - 1 : filled
  const ofOthers = Math.min(most, Math.round((filled * others) / Math.max(1, used + others)))
  return '█'.repeat(filled - ofOthers) + '▒'.repeat(ofOthers) + '░'.repeat(cells - filled)
}

function cellsOf(used: number, limit: number, cells: number): number {
  const share = limit > 0 ? Math.min(1, used / limit) : used > 0 ? 1 : 0
  const rounded = Math.round(share * cells)
  return share === 0 || share === 1 ? rounded : Math.min(cells - 1, Math.max(1, rounded))
}
