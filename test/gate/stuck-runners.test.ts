import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLOUD } from '../../src/admission/contract.ts'
import { createWatchdog, regroupStuck, stuckModels } from '../../src/gate/watchdog.ts'
import type { Reply, UpstreamQuestion } from '../../src/upstream/asking.ts'
import { permitOf, ticketOf } from '../admission/support/builders.ts'
import { withRunners } from '../admission/support/with-runners.ts'
import { aWatchedCall, MOVING } from '../watchdog/support/builders.ts'

/** A watchdog over an admission whose runners the test tells. One call of `model` is with Ollama, and has begun. */
function aHouse(model = 'a', answer: () => Promise<Reply> = () => new Promise(() => {})) {
  const { admission, ask, clock, facts, tell } = withRunners()
  const questions: UpstreamQuestion[] = []
  const lines: string[] = []
  const write = (line: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(`${line} ${JSON.stringify(fields)}`)
  const watchdog = createWatchdog({
    clock,
    log: { info: write, warn: write },
    admission,
    running: () => [aWatchedCall({ model, ...MOVING })],
    ask: (question) => {
      questions.push(question)
      return answer()
    },
    factsOf: (name) => facts.get(name),
  })
  const pass = async (seconds: number) => {
    for (let at = 0; at < seconds; at += 5) {
      clock.advance(5_000)
      watchdog.pass(clock.now())
    }
    await new Promise(setImmediate)
  }
  return { admission, ask, clock, lines, pass, questions, tell, watchdog }
}

const reply = (status: number) => async (): Promise<Reply> => ({ status, body: '', whole: true })

describe('the watchdog of a gate', () => {
  it('tells which models are stuck, how many of their calls run and wait, and since when', async () => {
    const { admission, ask, lines, pass, tell, watchdog, clock } = aHouse()
    tell({ a: 'w', b: 'w' })
    permitOf(ask('a'))
    ticketOf(ask('b'))
    await pass(70)
    assert.equal(admission.model('b')?.lane.stuck, true)
    assert.deepEqual(stuckModels(watchdog, { admission, clock }), [
      { model: 'a', names: ['a', 'b'], active: 1, queued: 1, silentMs: 65_000, foundAfterMs: 65_000 },
    ])
    assert.deepEqual(lines, [
      'Ollama does not get on with a: new calls are refused {"runner":"w","models":"a,b","silent_ms":65000,"waiting":1,"running":1}',
    ])
  })

  it('asks for a token with the right route, and takes any answer but 503 for one of the model', async () => {
    for (const [answer, stuck] of [
      [reply(200), false],
      [reply(500), false],
      [reply(503), true],
      [() => Promise.reject(new Error('no answer')), true],
    ] as const) {
      const { admission, ask, pass, questions } = aHouse('a', answer)
      permitOf(ask('a'))
      await pass(70)
      assert.equal(admission.model('a')?.lane.stuck, stuck)
      const [{ method, path, timeoutMs } = {}] = questions
      assert.deepEqual([method, path, timeoutMs], ['POST', '/api/generate', 60_000])
    }
    const { ask, pass, questions, tell } = aHouse()
    tell({ a: { runner: 'w', forced: 'embedding' } })
    permitOf(ask('a'))
    await pass(70)
    assert.equal(questions[0]?.path, '/api/embed')
  })

  it('leaves models of the cloud alone, and those that nobody knows', async () => {
    for (const model of ['a', 'b']) {
      const { ask, pass, questions, tell, watchdog } = aHouse(model)
      tell({ a: CLOUD })
      permitOf(ask('a'))
      await pass(3_600)
      assert.deepEqual([watchdog.standstills, questions], [[], []])
    }
  })

  it('opens a lane that has another runner now, and one that shares a runner which is not stuck', async () => {
    const { admission, ask, pass, tell, watchdog } = aHouse('b')
    permitOf(ask('a'))
    permitOf(ask('b'))
    await pass(70)
    assert.equal(watchdog.isStuck('b'), true)
    tell({ a: 'w', b: 'w' })
    assert.equal(admission.model('a')?.lane.stuck, true)
    regroupStuck(watchdog, admission)
    assert.deepEqual([admission.model('a')?.lane.stuck, watchdog.standstills], [false, []])
  })

  it('keeps a lane stuck whose runner is the same as before', async () => {
    const { admission, ask, pass, tell, watchdog } = aHouse('b')
    tell({ b: 'w' })
    permitOf(ask('b'))
    await pass(70)
    tell({ c: 'w' })
    regroupStuck(watchdog, admission)
    assert.deepEqual([admission.model('b')?.lane.stuck, watchdog.isStuck('w')], [true, true])
  })
})
