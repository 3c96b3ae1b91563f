import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aGateOnClock, type GateOnClock } from './support/gate-on-clock.ts'

const PROMPT = { model: 'llama3.2', prompt: 'x', options: { num_predict: 4_000 } }
const SHORT = { ...PROMPT, options: { num_predict: 10 } }
/** A minute, a look late, and a look until it is found. */
const BOUND_S = 70

/** A stream of llama3.2 that has begun, and then stands still with the work loop of its runner. */
async function aHungStream(house: GateOnClock) {
  const running = await house.asked('/api/generate', PROMPT)
  await house.elapse(10)
  assert.match(running.text, /"done":false/)
  house.simulator.hang('llama3.2', 'generation')
  return running
}

/** The calls in line, as their page tells. */
async function waiting(house: GateOnClock): Promise<{ model: string; waiting_for: string | null }[]> {
  const { requests } = await house.page('/queue/requests')
  return requests.filter(({ state }: { state: string }) => state === 'waiting')
}

describe('a hung generation', () => {
  it('is found within its bound, new calls are refused at once, and those in line are told', async (t) => {
    const house = await aGateOnClock(t, {
      config: 'models: { llama3.2: { queue_limit: 9 } }\nturn: { together: [[llama3.2, mistral]] }',
    })
    await aHungStream(house)
    await house.asked('/api/generate', SHORT)
    await house.elapse(55)
    assert.equal((await house.model()).stuck, false)
    await house.elapse(BOUND_S - 55)
    const { stuck, active_requests, queued_requests, turn } = await house.model()
    assert.deepEqual(
      { stuck, active_requests, queued_requests, turn },
      {
        stuck: true,
        active_requests: 1,
        queued_requests: 1,
        turn: 'loaded',
      },
    )
    assert.deepEqual(
      (await waiting(house)).map(({ waiting_for }) => waiting_for),
      ['stuck'],
    )
    for (const [path, body, expected] of [
      [
        '/api/chat',
        { messages: [{}] },
        { code: 'model_stuck', error: /^model_stuck: Ollama does not get on/ },
      ],
      ['/v1/chat/completions', { messages: [{}] }, { error: { code: 'model_stuck', type: 'server_error' } }],
      ['/v1/messages', { messages: [{}], max_tokens: 9 }, { error: { type: 'overloaded_error' } }],
    ] as const) {
      const asked = house.ask(path, { model: 'llama3.2', ...body })
      const answer = await asked.answer
      assert.equal(answer.status, 503, path)
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d?$/)
      await asked.over
      const told = JSON.parse(asked.text)
      if ('code' in expected) assert.match(told.error, expected.error)
      else assert.deepEqual({ ...told.error, ...expected.error }, told.error, path)
    }
    assert.equal((await house.model()).total_rejected, 3)
    const other = await house.asked('/api/generate', { ...SHORT, model: 'mistral' })
    await house.elapse(15)
    assert.equal((await other.answer).status, 200)
    const metrics = await house.metrics()
    assert.match(metrics, /^ollama_guard_model_stuck\{model="llama3.2"\} 1$/m)
    assert.match(metrics, /^ollama_guard_refusals_total\{model="llama3.2",reason="model_stuck"\} 3$/m)
  })

  it('is told to calls in line by their signs of life', async (t) => {
    const house = await aGateOnClock(t, { config: 'waiting: { when: always, after: 5, every: 10 }' })
    await aHungStream(house)
    const waits = await house.asked('/v1/chat/completions', {
      model: 'llama3.2',
      messages: [{}],
      stream: true,
    })
    await house.elapse(BOUND_S + 15)
    assert.match(waits.text, /: queue position=1 reason=stuck\n\n$/)
    house.simulator.hang('llama3.2', undefined)
  })

  it('raises a critical alert, and clears the alert when Ollama goes on', async (t) => {
    const house = await aGateOnClock(t)
    await aHungStream(house)
    await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S + 15)
    const { alerts } = await house.page('/queue/alerts')
    const alert = alerts.find(({ id }: { id: string }) => id === 'model_stuck:llama3.2')
    assert.equal(alert?.level, 'critical')
    assert.match(
      alert.message,
      /get on with llama3.2: nothing has moved for \d+ s; 1 slots are taken, 1 calls wait/,
    )
    assert.ok(house.lines.includes('Ollama does not get on with llama3.2: new calls are refused'))
    house.simulator.hang('llama3.2', undefined)
    await house.elapse(30)
    assert.ok(house.lines.some((line) => line.startsWith('alert cleared: Ollama does not get on')))
    assert.ok(house.lines.some((line) => line.startsWith('calls of llama3.2 are taken again')))
  })

  it('is over with the first byte: the running call and the line go on', async (t) => {
    const house = await aGateOnClock(t, {
      numParallel: 2,
      config: 'models: { llama3.2: { parallel_limit: 2 } }',
    })
    const running = await aHungStream(house)
    const second = await house.asked('/api/generate', SHORT)
    const third = await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S)
    assert.equal((await house.model()).stuck, true)
    const before = running.text.length
    house.simulator.hang('llama3.2', undefined)
    await house.elapse(12)
    assert.equal((await house.model()).stuck, false)
    assert.ok(running.text.length > before)
    assert.deepEqual([(await second.answer).status, (await third.answer).status], [200, 200])
  })

  it('is over with an answered probe, sent as soon as the last client has left', async (t) => {
    const house = await aGateOnClock(t)
    const running = await aHungStream(house)
    const next = await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S)
    assert.equal((await house.model()).stuck, true)
    running.leave()
    await house.elapse(1)
    assert.deepEqual([(await house.model()).active_requests, (await house.model()).stuck], [0, true])
    house.simulator.hang('llama3.2', undefined)
    await house.elapse(1)
    assert.equal((await house.model()).stuck, false)
    await house.elapse(6)
    assert.equal((await next.answer).status, 200)
    // The stream, the probes with one token each, and the next call.
    const { finished, aborted } = house.simulator.engine.counters.of('llama3.2:latest')
    assert.deepEqual([finished, aborted], [2, 1])
  })

  it('is over with a restart of Ollama, and the line is served by the new process', async (t) => {
    const house = await aGateOnClock(t)
    const running = await aHungStream(house)
    const next = await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S)
    assert.equal((await house.model()).stuck, true)
    await house.simulator.restart()
    await running.over
    assert.match(running.text, /\{"error":"Ollama broke off[^\n]*\n$/)
    await house.elapse(20)
    assert.equal((await house.model()).stuck, false)
    assert.equal((await next.answer).status, 200)
  })

  it('is over as soon as Ollama answers again after it did not', async (t) => {
    const house = await aGateOnClock(t)
    await aHungStream(house)
    await house.elapse(BOUND_S)
    const back = house.simulator.restart({ closedMs: 8_000 })
    await house.elapse(16)
    await back
    await house.elapse(6)
    assert.ok(house.lines.includes('calls of llama3.2 are taken again: restarted'), house.lines.join('\n'))
  })

  it('may be unloaded meanwhile, and is served by the process that follows', async (t) => {
    const house = await aGateOnClock(t)
    const running = await aHungStream(house)
    const next = await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S)
    running.leave()
    const unload = await house.asked('/api/generate', { model: 'llama3.2', keep_alive: 0 })
    assert.equal((await unload.answer).status, 200)
    await house.elapse(70)
    assert.equal((await house.model()).stuck, false)
    assert.equal((await next.answer).status, 200)
  })

  it('of calls that nobody waits for long is found, though a short first_byte_timeout cuts each of them off', async (t) => {
    const house = await aGateOnClock(t, { config: 'first_byte_timeout: 20', loadMs: 5_000 })
    await house.asked('/api/generate', SHORT)
    await house.elapse(15)
    house.simulator.hang('llama3.2', 'generation')
    const statuses: number[] = []
    for (let at = 0; at < 120; at += 30) {
      const { answer } = await house.asked('/api/generate', SHORT)
      await house.elapse(30)
      statuses.push((await answer).status)
    }
    assert.deepEqual(statuses.slice(0, 2), [504, 504])
    assert.equal((await house.model()).stuck, true)
    assert.equal((await house.ask('/api/generate', SHORT).answer).status, 503)
  })

  it('is over for a name that stands for another model now', async (t) => {
    const house = await aGateOnClock(t)
    await aHungStream(house)
    await house.elapse(BOUND_S)
    await (await house.post('/api/copy', { source: 'mistral', destination: 'llama3.2' })).text()
    await house.elapse(4)
    assert.ok(house.lines.includes('calls of llama3.2 are taken again: gone'), house.lines.join('\n'))
    assert.equal((await house.model()).stuck, false)
  })

  it('keeps what clients do meanwhile in order: they leave the line, and their places are free', async (t) => {
    const house = await aGateOnClock(t)
    const running = await aHungStream(house)
    const calls = []
    for (let at = 0; at < 3; at++) calls.push(await house.asked('/api/generate', SHORT))
    await house.elapse(BOUND_S)
    for (const call of calls.slice(0, 2)) call.leave()
    running.leave()
    await house.settle()
    const { active_requests, queued_requests } = await house.model()
    assert.deepEqual([active_requests, queued_requests], [0, 1])
    house.simulator.hang('llama3.2', undefined)
    await house.elapse(10)
    assert.equal((await calls[2]?.answer)?.status, 200)
    assert.deepEqual((await house.model()).active_requests, 0)
  })

  it('lasts through a reload of the configuration and a pause', async (t) => {
    const house = await aGateOnClock(t)
    const running = await aHungStream(house)
    const next = await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S)
    await house.reconfigure('models: { llama3.2: { parallel_limit: 4, queue_limit: 3 } }\nfairness: off')
    await house.post('/admin/queue/pause', { model: 'llama3.2' })
    const { stuck, paused, parallel_limit, active_requests } = await house.model()
    assert.deepEqual([stuck, paused, parallel_limit, active_requests], [true, true, 4, 1])
    running.leave()
    house.simulator.hang('llama3.2', undefined)
    await house.elapse(4)
    assert.deepEqual(
      (await waiting(house)).map(({ waiting_for }) => waiting_for),
      ['paused'],
    )
    await house.post('/admin/queue/resume', { model: 'llama3.2' })
    await house.elapse(8)
    assert.equal((await next.answer).status, 200)
  })

  it('leaves no timer behind when the gate closes, and refuses its line as any other', async (t) => {
    const house = await aGateOnClock(t)
    const running = await aHungStream(house)
    const next = await house.asked('/api/generate', SHORT)
    await house.elapse(BOUND_S)
    house.gate.close()
    assert.equal((await next.answer).status, 503)
    await next.over
    assert.match(next.text, /shutting_down/)
    running.leave()
    await house.settle()
    house.clock.advance(1_000)
    const { pending } = house.clock
    house.clock.advance(600_000)
    assert.ok(house.clock.pending <= pending)
    assert.equal(house.lines.filter((line) => line.includes('taken again')).length, 0)
  })
})

describe('a hung load', () => {
  it('is found after three times the time of a load, while other models answer', async (t) => {
    const house = await aGateOnClock(t, { loadMs: 30_000 })
    const first = await house.asked('/api/generate', SHORT)
    await house.elapse(40)
    await first.answer
    await (await house.asked('/api/generate', { model: 'llama3.2', keep_alive: 0 })).answer
    house.simulator.hang('llama3.2', 'load')
    await house.elapse(2)
    const loads = await house.asked('/api/generate', SHORT)
    await house.elapse(80)
    assert.equal((await house.model()).stuck, false)
    await house.elapse(20)
    assert.equal((await house.model()).stuck, true)
    assert.equal((await house.ask('/api/generate', SHORT).answer).status, 503)
    house.simulator.hang('llama3.2', undefined)
    await house.elapse(10)
    assert.equal((await loads.answer).status, 200)
    assert.equal((await house.model()).stuck, false)
  })

  it('is found as early where only the turns tell how long loads take', async (t) => {
    const house = await aGateOnClock(t, { loadMs: 30_000, maxLoaded: 1 })
    const ask = (model: string) =>
      house.asked('/v1/chat/completions', { model, messages: [{}], max_tokens: 10, stream: true })
    for (const model of ['llama3.2', 'mistral', 'llama3.2', 'mistral']) {
      const { answer } = await ask(model)
      await house.elapse(60)
      assert.equal((await answer).status, 200)
    }
    house.simulator.hang('llama3.2', 'load')
    await ask('llama3.2')
    await house.elapse(130)
    assert.equal((await house.model()).stuck, true)
  })

  it('of a model whose loads are not known is found after ten minutes, and a slow load before that is none', async (t) => {
    const house = await aGateOnClock(t, { loadMs: 550_000 })
    const slow = await house.asked('/api/generate', SHORT)
    await house.elapse(560)
    assert.equal((await slow.answer).status, 200)
    assert.ok(!house.lines.some((line) => line.includes('does not get on')))
    house.simulator.hang('mistral', 'load')
    await house.asked('/api/generate', { ...SHORT, model: 'mistral' })
    await house.elapse(590)
    assert.equal((await house.model('mistral')).stuck, false)
    await house.elapse(30)
    assert.equal((await house.model('mistral')).stuck, true)
  })
})

describe('no false alarm', () => {
  /** The gate has never said that Ollama does not get on. */
  const quiet = ({ lines }: GateOnClock) =>
    assert.deepEqual(
      lines.filter((line) => /get on|again/.test(line)),
      [],
    )

  it('comes from a giant prompt, whether anything is known of the runner or not', async (t) => {
    const house = await aGateOnClock(t, { promptTokensPerSecond: 60, numParallel: 2 })
    // 30 000 tokens: 500 s.
    const giant = { ...SHORT, prompt: 'abcd'.repeat(30_000) }
    for (let round = 0; round < 2; round++) {
      const calls = [await house.asked('/api/generate', giant)]
      await house.elapse(300)
      calls.push(await house.asked('/api/generate', SHORT))
      await house.elapse(230)
      for (const { answer } of calls) assert.equal((await answer).status, 200)
    }
    quiet(house)
  })

  it('comes from an answer in one piece that takes its time', async (t) => {
    const house = await aGateOnClock(t)
    const whole = { ...PROMPT, stream: false, options: { num_predict: 600 } }
    for (let round = 0; round < 3; round++) {
      const { answer } = await house.asked('/api/generate', whole)
      await house.elapse(310)
      assert.equal((await answer).status, 200)
    }
    quiet(house)
  })

  it('comes from a client that does not read its answer', async (t) => {
    const house = await aGateOnClock(t, { outputTokensPerSecond: 1_000 })
    const { answer } = await house.asked('/api/generate', PROMPT, false)
    await house.elapse(1)
    assert.equal((await answer).status, 200)
    await house.elapse(280)
    quiet(house)
    assert.equal((await house.model()).active_requests, 1)
  })

  it('comes from clients that leave, one after the other', async (t) => {
    const house = await aGateOnClock(t, { promptTokensPerSecond: 1 })
    for (let at = 0; at < 10; at++) {
      const call = await house.asked('/api/generate', { ...SHORT, prompt: 'x'.repeat(400) })
      await house.elapse(20)
      call.leave()
      await house.settle()
    }
    quiet(house)
  })
})
