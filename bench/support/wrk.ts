import { capture, LOAD_CORE } from './child.ts'

export interface Load {
  readonly requests: number
  readonly requestsPerSecond: number
  /** How long it took; wrk runs a tenth of a second longer than asked. */
  readonly seconds: number
  /** Milliseconds from sending a request to the end of its answer. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU seconds of wrk itself. */
  readonly cpuSeconds: number
}

const SCRIPT = new URL('post.lua', import.meta.url).pathname

/**
 * Posts `body` over so many connections, each waiting for its answer before it asks again, and counts the answers
 * that came whole. Rejects when one of them was no 2xx or a socket broke.
 */
export async function post(url: string, body: string, connections: number, seconds: number): Promise<Load> {
  const command = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', SCRIPT, url]
  const out = await capture([...command, '--', body], LOAD_CORE)
  const line = /^RESULT (.*)$/m.exec(out)?.[1]
  if (line === undefined) throw new Error(`wrk said nothing of its result\n${out}`)
  const { requests, micros, p50, p99, cpu, status, socket }: Record<string, number> = JSON.parse(line)
  if (
    requests === undefined ||
    micros === undefined ||
    p50 === undefined ||
    p99 === undefined ||
    cpu === undefined
  ) {
    throw new Error(`a result of wrk that cannot be read: ${line}`)
  }
  if (status !== 0 || socket !== 0 || requests === 0) {
    throw new Error(`${url}: ${requests} answers, ${status} of them no 2xx, ${socket} socket errors`)
  }
  return {
    requests,
    requestsPerSecond: requests / (micros / 1e6),
    seconds: micros / 1e6,
    p50Ms: p50 / 1e3,
    p99Ms: p99 / 1e3,
    cpuSeconds: cpu,
  }
}
