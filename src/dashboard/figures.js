/** How figures are written. A figure that is null or undefined is not known. */

export const UNKNOWN = '–'

const KIB = 1024
const SIZES = ['B', 'KiB', 'MiB', 'GiB']
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** `120 ms`, `1.2 s`, `45 s`, `3 min 5 s`, `2 h 13 min`, `4 d 7 h`. */
export function duration(ms) {
  if (ms === null || ms === undefined) return UNKNOWN
  if (ms < 999.5) return `${ms > 0 && ms < 9.5 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1_440) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  const hours = Math.floor(minutes / 60)
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function two(large, largeUnit, small, smallUnit) {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}

/** `87`, `1,234`, `12.3K`. */
export function count(value) {
  if (value === null || value === undefined) return UNKNOWN
  return value < 10_000 ? whole.format(value) : short.format(value)
}

/** One decimal below ten. */
export function rate(value) {
  if (value === null || value === undefined) return UNKNOWN
  return value < 9.95 ? String(Number(value.toFixed(1))) : count(value)
}

export function percent(value) {
  return value === null || value === undefined ? UNKNOWN : `${rate(value)} %`
}

export function bytes(value) {
  if (value === null || value === undefined) return UNKNOWN
  let size = value
  let unit = 0
  for (; size >= KIB && unit < SIZES.length - 1; unit++) size /= KIB
  return `${unit === 0 ? size : size.toFixed(1)} ${SIZES[unit]}`
}

/** `1 call`, `3 calls`. */
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

export function dateAndTime(date) {
  return date.toLocaleString(undefined, {
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  })
}

/** Time of day of a Date, in the format of the user's browser. */
export function timeOfDay(date) {
  return date.toLocaleTimeString()
}
