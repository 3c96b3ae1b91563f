import type { Exchange } from './transport.ts'

/** What a client may call its request; anything else gets a name of ours. */
const SANE_ID = /^[\w.:=-]{1,128}$/

const idPrefix = Math.random().toString(36).slice(2, 8)
let idCount = 0

/** The client's own X-Request-Id where it is sane, else one that this process gives once. */
export function requestIdOf(exchange: Exchange): string {
  const given = exchange.header('x-request-id')
  if (given !== undefined && SANE_ID.test(given)) return given
  idCount++
  return `${idPrefix}-${idCount.toString(36)}`
}
