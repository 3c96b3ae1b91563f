import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { Engine } from '../../src/simulator/engine.ts'
import type { EngineLimits } from '../../src/simulator/engine-call.ts'
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts'
import { ManualClock } from '../support/manual-clock.ts'

/** Round figures: a prompt token takes 1 ms, an output token 10 ms, a load one second. */
export function anEngine(limits: Partial<EngineLimits> = {}): { engine: Engine; clock: ManualClock } {
  const clock = new ManualClock()
  const engine = new Engine(clock, {
    numParallel: 1,
    maxQueue: 512,
    maxLoaded: 3,
    loadMs: 1000,
    keepAliveMs: 300_000,
    promptTokensPerSecond: 1000,
    outputTokensPerSecond: 100,
    slowdown: 0,
    ...limits,
  })
  return { engine, clock }
}

/** A simulator that listens. Tokens take no time by default. The simulator closes after the test. */
export async function aSimulator(
  t: TestContext,
  options: SimulatorOptions = {},
): Promise<{ simulator: Simulator; url: string; port: number }> {
  const simulator = createSimulator({
    outputTokensPerSecond: Number.POSITIVE_INFINITY,
    promptTokensPerSecond: Number.POSITIVE_INFINITY,
    ...options,
  })
  const { url, port } = await simulator.listen()
  t.after(() => simulator.close())
  return { simulator, url, port }
}

/** Says "Hi!" in two pieces, as the golden vectors do. */
export const saysHi = () => ({ pieces: ['Hi', '!'], promptTokens: 26 })

export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...init })
}

/** Sends a request as text on a new socket, which is destroyed after the test. */
export async function rawRequest(t: TestContext, port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

export function rawPost(path: string, body: string, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** All data until the socket ends. `error` is the error code when the connection broke. */
export function everything(socket: Socket): Promise<{ text: string; error: string | undefined }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let error: string | undefined
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      error = cause.code
    })
    const done = () => resolve({ text: Buffer.concat(chunks).toString(), error })
    socket.on('end', done)
    socket.on('close', done)
  })
}

/** Resolves when `happened` is true. Checks once in each turn of the event loop. */
export async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}

/** Replaces the parts that differ between runs (times, durations, ids) by marks. */
export function masked(text: string): string {
  return text
    .replace(/"created_at":"[^"]+"/g, '"created_at":"TIME"')
    .replace(/"(created|created_at|completed_at)":\d+/g, '"$1":SECONDS')
    .replace(/"(\w+_duration)":\d+/g, '"$1":NS')
    .replace(/"context":\[[\d,]+\]/g, '"context":IDS')
    .replace(/(chatcmpl|cmpl)-\d{1,3}"/g, '$1-N"')
    .replace(/(resp|msg)_\d{6}"/g, '$1_N"')
    .replace(/(msg|req)_[0-9a-f]{24}"/g, '$1_HEX"')
}
