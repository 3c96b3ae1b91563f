import { readFileSync } from 'node:fs'

/** The limit where the system does not tell: the one that most shells and service managers set. */
const UNKNOWN_LIMIT = 1_024

/**
 * Descriptors kept for everything but connections: streams, log files and their rotation, the event loop, files that
 * are read again, probes, the webhook, traces, and connections that are being opened or closed at this moment.
 */
const RESERVED = 64

/** Connections that are allowed even under the smallest limit. */
const MIN_ROOM = 16

/**
 * How many connections of clients may be open. `toOllama`: open connections to Ollama. A quarter of all descriptors is
 * kept for connections to Ollama, and more when more are open: each running call takes one.
 */
export function clientRoom(limit: number, toOllama: number): number {
  if (limit === Number.POSITIVE_INFINITY) return limit
  return Math.max(MIN_ROOM, Math.floor(limit - RESERVED - Math.max(limit / 4, toOllama)))
}

/** How many files and sockets this process may have open. Infinity: no limit. */
export function descriptorLimit(): number {
  if (process.platform === 'win32') return Number.POSITIVE_INFINITY
  if (process.platform === 'linux') {
    try {
      return limitIn(readFileSync('/proc/self/limits', 'utf8'))
    } catch {
      // A sandbox without /proc: the diagnostic report has the limit, too.
    }
  }
  return limitOf(process.report?.getReport())
}

/** The soft limit in the text of /proc/self/limits. */
export function limitIn(limits: string): number {
  const [, soft] = /^Max open files +(\S+)/m.exec(limits) ?? []
  return limitFrom(soft)
}

/** The soft limit in a diagnostic report of Node. */
export function limitOf(report: unknown): number {
  const soft = memberOf(memberOf(memberOf(report, 'userLimits'), 'open_files'), 'soft')
  return limitFrom(typeof soft === 'number' ? String(soft) : soft)
}

function limitFrom(soft: unknown): number {
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY
  return typeof soft === 'string' && /^\d+$/.test(soft) ? Number(soft) : UNKNOWN_LIMIT
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
