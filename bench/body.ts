import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { loadConfig } from '../src/config/load.ts'
import { stringValue, TopLevelScan } from '../src/ollama/json-scan.ts'
import { nodeRuntime } from '../src/runtimes/node/serve.ts'
import type { Log } from '../src/telemetry/call-log.ts'
import { noUsage } from '../test/support/no-usage.ts'

/**
 * What a body costs before its call may go on: the scan for its model, and the longest time for which the gate
 * does nothing else while a large body comes in over a real socket and goes out again. Its client and its Ollama
 * live in another process.
 */
const ROUNDS = 9
const LARGE_BYTES = 20 * 2 ** 20
const SMALL_BODIES = 100
/** As many as the gate takes before other calls get their turn. */
const STEPS_A_TURN = 2 ** 17

interface Row {
  readonly what: string
  readonly bytes: number
  /** Milliseconds, one a round, in their order. */
  readonly rounds: readonly number[]
}

const filled = (head: string, piece: string, tail: string): Buffer =>
  Buffer.from(
    `${head}${piece.repeat(Math.ceil((LARGE_BYTES - head.length - tail.length) / piece.length))}${tail}`,
  )

const picture = (): Buffer =>
  filled(
    '{"messages":[{"role":"user","content":"what is this?","images":["',
    'iVBORw0KGgoAAAANSUhEUg+/',
    '"]}],"model":"llama2"}',
  )

const BODIES: Record<string, () => Buffer> = {
  'picture, model last': picture,
  'escaped quotes': () => filled('{"x":"', '\\"', '","model":"llama2"}'),
  backslashes: () => filled('{"x":"', '\\\\', '","model":"llama2"}'),
  'quotes just beyond the near search': () => filled('{"x":"', `${'a'.repeat(32)}\\"`, '","model":"llama2"}'),
  'empty strings': () => filled('{"x":[""', ',""', '],"model":"llama2"}'),
  brackets: () => filled('{"x":[0', ',[{}]', '],"model":"llama2"}'),
  'open brackets': () => filled('{"model":"llama2","x":', '[', ''),
  'keys in escapes': () => filled('{"model":"llama2"', ',"\\u006dodem":0', '}'),
}

function timed(run: () => void): number {
  const started = performance.now()
  run()
  return performance.now() - started
}

function scans(): Row[] {
  const modelIn = (body: Uint8Array) => {
    const scan = new TopLevelScan(body, [{ key: 'model', nullEmpties: false }])
    while (!scan.advance(STEPS_A_TURN));
    return stringValue(scan.text('model'))
  }
  const rows: Row[] = []
  for (const [what, make] of Object.entries(BODIES)) {
    const body = make()
    assert.equal(modelIn(body), 'llama2', what)
    const rounds = Array.from({ length: ROUNDS }, () => timed(() => void modelIn(body)))
    rows.push({ what: `scan: ${what}`, bytes: body.length, rounds })
  }
  const small = Array.from({ length: SMALL_BODIES }, (_, index) =>
    Buffer.from(
      JSON.stringify({ model: `llama${index}`, messages: [{ role: 'user', content: 'Why?' }], stream: true }),
    ),
  )
  small.forEach((body, index) => void assert.equal(modelIn(body), `llama${index}`))
  const rounds = Array.from({ length: ROUNDS }, () =>
    timed(() => small.forEach((body) => void modelIn(body))),
  )
  rows.push({
    what: `scan: ${SMALL_BODIES} small bodies`,
    bytes: small.reduce((sum, { length }) => sum + length, 0),
    rounds,
  })
  return rows
}

/** The longest stall of this thread's event loop in each round, with and without the gate's work. */
async function stalls(): Promise<Row[]> {
  const worker = fork(import.meta.filename, ['outside'])
  const answer = () => new Promise<unknown>((resolve) => worker.once('message', resolve))
  const ollamaUrl = String(await answer())
  const quiet = () => {}
  const log: Log = { call: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet }
  const loaded = loadConfig({
    flags: {},
    env: { OLLAMA_URL: ollamaUrl, PROXY_PORT: '0', OLLAMA_NUM_PARALLEL: '4' },
    readFile: () => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' })
    },
    ownAddresses: [],
  })
  const gate = await nodeRuntime.serve({ loaded, log, version: '0.0.0', usage: noUsage() })
  const round = async (url: string): Promise<number> => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    worker.send(url)
    assert.equal(await answer(), LARGE_BYTES, 'every byte reaches Ollama')
    delay.disable()
    return delay.max / 1e6
  }
  const through: number[] = []
  const direct: number[] = []
  await round(gate.url)
  for (let index = 0; index < ROUNDS; index++) {
    through.push(await round(gate.url))
    direct.push(await round(ollamaUrl))
  }
  gate.destroy()
  worker.kill()
  return [
    { what: 'longest stall: picture through the gate', bytes: LARGE_BYTES, rounds: through },
    { what: 'longest stall: control, past the gate', bytes: LARGE_BYTES, rounds: direct },
  ]
}

/** The client and the Ollama of the stall rounds, so that their work is not counted. */
function outside(): void {
  const tell = (what: unknown) => void process.send?.(what)
  const body = picture().subarray(0, LARGE_BYTES)
  let taken = 0
  const ollama = http.createServer((request, response) => {
    if (request.url === '/api/version') return void response.end('{"version":"0.33.0"}')
    taken = 0
    request.on('data', (chunk: Buffer) => {
      taken += chunk.length
    })
    request.on('end', () => response.end('{"done":true}\n'))
  })
  ollama.listen(0, '127.0.0.1', () => {
    const { port: listening } = ollama.address() as AddressInfo
    tell(`http://127.0.0.1:${listening}`)
  })
  process.on('message', (url: string) => {
    const request = http.request(`${url}/api/chat`, {
      method: 'POST',
      headers: { 'Content-Length': body.length },
    })
    request.on('response', (response) => {
      response.resume()
      response.on('end', () => tell(response.statusCode === 200 ? taken : response.statusCode))
    })
    request.end(body)
  })
}

function print(rows: readonly Row[]): void {
  console.log(
    `node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model ?? 'unknown'}), not pinned; ms, all rounds`,
  )
  for (const { what, bytes, rounds } of rows) {
    const sorted = rounds.toSorted((a, b) => a - b)
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0
    const all = rounds.map((ms) => ms.toFixed(2)).join(' ')
    console.log(`${what}, ${(bytes / 2 ** 20).toFixed(3)} MiB: median ${median.toFixed(2)} [${all}]`)
  }
}

if (process.argv[2] === 'outside') outside()
else {
  const { values } = parseArgs({ options: { json: { type: 'string' } } })
  const rows = [...scans(), ...(await stalls())]
  print(rows)
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`)
  }
}
