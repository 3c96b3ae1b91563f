import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { quiet } from './occupied.ts'
import { Pair, startProxy, type Target } from './pair.ts'
import { ask } from './raw-answer.ts'
import { head, RawCall } from './raw-call.ts'
import { ScriptedOllama } from './scripted-ollama.ts'

/** How a client's connection is framed, kept and bounded. */
export function connections(target: Target): void {
  describe('a connection', () => {
    it('carries no length with a 204, whatever Ollama sent', async () => {
      const ollama = await ScriptedOllama.start((_request, response) => {
        response.writeHead(204, { 'Content-Length': '0', 'X-From': 'ollama' }).end()
      })
      const proxy = await startProxy(target, ollama.url, [])
      try {
        const answer = await ask(proxy.port, 'GET /api/ps HTTP/1.1\r\nHost: localhost\r\n\r\n')
        assert.equal(answer.status, 204)
        const names = answer.headers.map(([name]) => name.toLowerCase())
        assert.ok(names.includes('x-from'))
        assert.ok(!names.includes('content-length') && !names.includes('transfer-encoding'), String(names))
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })

    for (const bytes of [120_000, 250_000]) {
      it(`takes ${bytes} bytes of headers both ways`, async () => {
        const long = 'a'.repeat(bytes)
        let seen = 0
        const ollama = await ScriptedOllama.start((request, response) => {
          seen = String(request.headers['x-long']).length
          response.writeHead(200, { 'X-Long': long }).end('{}')
        })
        const proxy = await startProxy(target, ollama.url, [])
        try {
          const request = `GET /api/ps HTTP/1.1\r\nHost: localhost\r\nX-Long: ${long}\r\n\r\n`
          const answer = await ask(proxy.port, request)
          if (target.gaps?.largeHeaders && bytes > 200_000) {
            assert.equal(answer.status, 431)
            return
          }
          assert.deepEqual([answer.status, seen], [200, bytes])
          assert.ok(answer.headers.some(([name, value]) => /^x-long$/i.test(name) && value === long))
        } finally {
          await proxy.stop('SIGKILL')
          await ollama.stop()
        }
      })
    }

    it('takes 5 000 header lines and loses none', async () => {
      const lines = Array.from({ length: 5_000 }, (_, index) => `X-${index}: a\r\n`).join('')
      let seen = 0
      const ollama = await ScriptedOllama.start((request, response) => {
        seen = Object.keys(request.headers).filter((name) => name.startsWith('x-')).length
        response.end('{}')
      })
      const proxy = await startProxy(target, ollama.url, [])
      try {
        const request = `GET /api/ps HTTP/1.1\r\nHost: localhost\r\n${lines}X-Last: a\r\n\r\n`
        const { status } = await ask(proxy.port, request)
        if (target.gaps?.manyHeaders) assert.equal(status, 431)
        else assert.deepEqual([status, seen], [200, 5_001])
      } finally {
        await proxy.stop('SIGKILL')
        await ollama.stop()
      }
    })

    it('has room for others while 300 heads do not come', async () => {
      const answered = await askInACrowd(target, HALF)
      if (target.gaps?.halfHeads) assert.equal(answered.atOnce, false)
      else if (!target.gaps?.ownParser) assert.equal(answered.atOnce, true)
      assert.deepEqual(answered.statuses, [200, 200])
    })

    it('has room for others while 300 clients idle', async () => {
      const answered = await askInACrowd(target, LIVE)
      if (!target.gaps?.ownParser) assert.equal(answered.atOnce, true)
      assert.deepEqual(answered.statuses, [200, 200])
    })

    it('with a call on it is never closed for another', async () => {
      if (target.gaps?.ownParser) return
      const pair = await Pair.start(withDescriptors(target, DESCRIPTORS), {
        simulate: ['--load-time', '0', '--token-rate', '20'],
        serve: ['--parallel', '1'],
      })
      try {
        const calls = Array.from({ length: 20 }, () => new RawCall(pair.proxy.port))
        for (const call of calls) call.post('/api/generate', generate(4_000))
        await until('one runs, the others wait', async () => (await pair.stats()).queued_requests === 19)
        const crowd = Array.from({ length: CROWD }, () => new RawCall(pair.proxy.port))
        for (const call of crowd) call.send(target.gaps?.halfHeads ? LIVE : HALF)
        const served = (call: RawCall) => call.closed || (target.gaps?.halfHeads && call.status > 0)
        await until('some of them are closed', () => crowd.filter(served).length > CROWD / 2, 15_000)
        assert.ok(calls.every(({ closed }) => !closed))
        assert.equal((await pair.stats()).queued_requests, 19)
        for (const call of [...calls, ...crowd]) call.leave('rst')
      } finally {
        await pair.stop()
      }
    })
  })

  describe('requests that are sent ahead', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--parallel', '4', '--load-time', '0', '--token-rate', '50', '--prompt-rate', '1000000'],
        serve: ['--parallel', '2', '--max-queue', '100'],
      })
    })
    after(() => pair.stop())

    it('take neither a slot nor a place in line before the answer ahead of them is over', async () => {
      const call = new RawCall(pair.proxy.port)
      for (let count = 0; count < 60; count++) call.post('/api/generate', generate(4_000))
      if (target.gaps?.pipelining) await until('the connection is closed', () => call.closed)
      else {
        await until('the first runs', () => call.received.includes('"done":false'))
        const { active_requests, queued_requests } = await pair.stats()
        assert.deepEqual([active_requests, queued_requests], [1, 0])
      }
      call.leave('rst')
      await quiet(pair)
      const { total_cancelled, total_processed } = await pair.stats()
      if (!target.gaps?.pipelining) assert.deepEqual([total_cancelled, total_processed], [1, 0])
    })

    it('behind a stream of events are neither served nor admitted', async () => {
      if (target.gaps?.monitor) return
      const { total_cancelled } = await pair.stats()
      const call = new RawCall(pair.proxy.port)
      call.send('GET /queue/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
      for (let count = 0; count < 60; count++) call.post('/api/generate', generate(4_000))
      await until('the events come', () => call.received.includes('event: stats') || call.closed)
      const stats = await pair.stats()
      assert.deepEqual([stats.active_requests, stats.queued_requests], [0, 0])
      if (!target.gaps?.pipelining) assert.match(call.received, /\r\nconnection: close\r\n/i)
      call.leave('rst')
      await quiet(pair)
      assert.equal((await pair.stats()).total_cancelled, total_cancelled)
    })

    it('for pages leave everybody else a turn, and each page is made ten times a second at most', async () => {
      if (target.gaps?.pipelining || target.gaps?.ownParser) return
      const count = 5_000
      const startedAt = performance.now()
      const call = new RawCall(pair.proxy.port)
      call.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(count))
      const answers = () => call.received.split('"timestamp":').length - 1
      await until('some are answered', () => answers() > 0)
      const other = await ask(pair.proxy.port, LIVE)
      assert.equal(other.status, 200)
      assert.ok(answers() < count, 'the other one had to wait for all of them')
      await until('all are answered', () => answers() === count, 30_000)
      const made = new Set([...call.received.matchAll(/"timestamp":"([^"]+)"/g)].map(([, at]) => at))
      const seconds = (performance.now() - startedAt) / 1_000
      assert.ok(made.size <= 10 * seconds + 1, `${made.size} pages in ${seconds} s`)
      call.leave('fin')
    })
  })
}

const LIVE = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'
const HALF = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: '
const CROWD = 300
/** Fewer than the crowd has clients, as 1 024 are fewer than an attacker has. */
const DESCRIPTORS = 256

function generate(tokens: number): string {
  return JSON.stringify({ model: 'llama3.2', prompt: 'x', options: { num_predict: tokens } })
}

/** The target as it runs where each process may have so many descriptors. */
function withDescriptors(target: Target, limit: number): Target {
  return { ...target, command: ['sh', '-c', `ulimit -n ${limit} && exec "$0" "$@"`, ...target.command] }
}

/** Asks for health and for a generation while a crowd of others has sent `request` and goes on no more. */
async function askInACrowd(
  target: Target,
  request: string,
): Promise<{ readonly atOnce: boolean; readonly statuses: readonly number[] }> {
  const limited = target.gaps?.ownParser ? target : withDescriptors(target, DESCRIPTORS)
  const pair = await Pair.start(limited, { simulate: ['--load-time', '0'], serve: [] })
  const crowd: RawCall[] = []
  try {
    for (let count = 0; count < CROWD; count++) {
      const call = new RawCall(pair.proxy.port)
      crowd.push(call)
      await once(call.socket, 'connect')
      call.send(request)
    }
    const others = [LIVE, `${head('/api/generate', generate(1).length)}${generate(1)}`].map((text) => {
      const call = new RawCall(pair.proxy.port)
      call.send(text)
      return call
    })
    const answered = () => others.every(({ status }) => status > 0)
    const atOnce = await until('others are answered at once', answered, 4_000).then(
      () => true,
      () => false,
    )
    await until('others are answered', answered, 20_000)
    for (const call of others) call.leave('fin')
    return { atOnce, statuses: others.map(({ status }) => status) }
  } finally {
    for (const call of crowd) call.leave('rst')
    await pair.stop()
  }
}
