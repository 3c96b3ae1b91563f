import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

/** A page for the browser has no types. */
const { wordsOf } = await import(new URL('../../src/dashboard/ticket-words.js', import.meta.url).href)

const WAITING = { state: 'waiting', position: 3, waiting_for: 'slot', estimated_start_ms: 40_000 }
const DONE = {
  state: 'done',
  outcome: 'done',
  reason: null,
  status: 200,
  waited_ms: 0,
  running_ms: 9_000,
  tokens_out: 400,
  total_ms: 12_000,
}

/** Headline, detail and advice as a person reads them. */
const read = (call: object): string => {
  const { headline, detail, advice } = wordsOf(call)
  return [headline, detail, advice].filter(Boolean).join(' ').replaceAll('\u00a0', ' ')
}
const waiting = (change: object) => read({ ...WAITING, ...change })
const ended = (change: object) => read({ ...DONE, ...change })

describe('the words for a call', () => {
  it('in line tell the place, the estimate and what the call waits for', () => {
    assert.equal(waiting({}), 'You are 3rd in line. About 40 s.')
    assert.equal(
      waiting({ position: 1, waiting_for: 'turn', estimated_start_ms: 125_000 }),
      'You are next in line. Another model has the machine. Your call gets its turn in about 2 min.',
    )
    assert.equal(
      waiting({ waiting_for: 'load', estimated_start_ms: 12_000 }),
      'You are 3rd in line. Your model is being loaded. About 10 s.',
    )
    assert.match(
      waiting({ waiting_for: 'stuck', estimated_start_ms: null }),
      /does not get on with the model\. You keep/,
    )
    assert.match(
      waiting({ waiting_for: 'paused', estimated_start_ms: null }),
      /has paused the model\. You keep/,
    )
    assert.match(
      waiting({ waiting_for: 'caller', estimated_start_ms: null }),
      /^You are 3rd in line\. As many/,
    )
    assert.match(
      waiting({ waiting_for: 'budget' }),
      /changes are rare\. Your call gets its turn in about 40 s\.$/,
    )
    for (const waiting_for of ['slot', null, 'a word of a newer proxy'])
      assert.equal(
        waiting({ waiting_for, estimated_start_ms: null }),
        'You are 3rd in line. Nobody knows yet how long that takes.',
      )
  })

  it('count places as people do', () => {
    const places = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 112, 123]
    assert.deepEqual(
      places.map((position) => wordsOf({ ...WAITING, position }).title),
      [
        ...['Next', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '22nd', '101st', '111th', '112th'],
        '123rd',
      ].map((place) => `${place} in line`),
    )
    assert.equal(wordsOf({ ...WAITING, position: null }).title, 'In line')
  })

  it('give an estimate no more figures than it is worth', () => {
    const estimates = {
      0: 'A few seconds.',
      4900: 'A few seconds.',
      7000: 'About 5 s.',
      57000: 'About 55 s.',
      58000: 'About 1 min.',
      89000: 'About 1 min.',
      95000: 'About 2 min.',
      3540000: 'About 59 min.',
      3599000: 'About 1 h.',
      4300000: 'About 1 h 10 min.',
    }
    for (const [ms, words] of Object.entries(estimates))
      assert.equal(waiting({ estimated_start_ms: Number(ms) }), `You are 3rd in line. ${words}`)
  })

  it('tell how far Ollama is, where parts tell that', () => {
    const running = (tokens_out: number) => read({ state: 'running', tokens_out })
    assert.equal(running(0), 'Ollama is working on your call.')
    assert.equal(running(1), 'Ollama is working on your call. About 1 word so far.')
    assert.equal(running(160), 'Ollama is working on your call. About 120 words so far.')
    assert.equal(running(4_000), 'Ollama is working on your call. About 3,000 words so far.')
    assert.match(read({ state: 'reading' }), /^Your call is on its way\./)
  })

  it('tell that a call is done', () => {
    assert.equal(ended({}), 'Done. The answer took 12 s in all. It has about 300 words.')
    assert.equal(ended({ tokens_out: 0 }), 'Done. The answer took 12 s in all.')
    assert.equal(wordsOf(DONE).mood, 'good')
    assert.match(ended({ status: 404 }), /^Ollama answered with an error\. .*\(status 404\)/)
    assert.equal(wordsOf({ ...DONE, status: 404 }).mood, 'bad')
  })

  it('tell why a call was refused, and what to do', () => {
    const refused = (reason: string | null, status: number) => ended({ outcome: 'refused', reason, status })
    assert.equal(refused('queue_full', 503), 'Refused: the line is full. Please try again in a minute.')
    assert.match(refused('shutting_down', 503), /^Refused: the server is shutting down\. Please/)
    assert.match(refused('load_failed', 503), /^Refused: Ollama could not load the model\. Try/)
    assert.match(refused('model_stuck', 503), /^Refused: Ollama does not get on with the model\. Try/)
    assert.match(refused('model_not_allowed', 403), /^Refused: your key is not for this model\. Choose/)
    assert.match(refused('insufficient_quota', 429), /^Refused: the budget of your key is used up\. The/)
    assert.match(refused(null, 413), /^Refused: the call is too large\. Please send less/)
    assert.match(refused(null, 408), /^Refused: the call did not arrive in full\./)
    assert.match(refused(null, 400), /^Refused: the call is not valid\./)
    assert.equal(refused('of_a_newer_proxy', 503), 'Refused. The program that sent the call has the reason.')
  })

  it('tell what else went wrong, and what to do', () => {
    assert.match(ended({ outcome: 'failed', status: 502 }), /could not be reached.* Please try again\./)
    assert.match(ended({ outcome: 'failed', status: 200 }), /its answer broke off\. Please try again\./)
    assert.match(ended({ outcome: 'timed_out', status: 504 }), /^Timed out\. Ollama did not answer .* prompt/)
    assert.match(
      ended({ outcome: 'timed_out', status: 504, running_ms: null, waited_ms: 300_000 }),
      /^Timed out\. The call waited 5 min, .* later\.$/,
    )
    for (const status of [499, 200])
      assert.match(
        ended({ outcome: 'cancelled', status, reason: 'superseded' }),
        /^A newer call took its place\./,
      )
    assert.match(ended({ outcome: 'cancelled', status: 499 }), /^The call was ended\. The operator/)
    assert.match(ended({ outcome: 'cancelled', status: null }), /^The call was given up\./)
    assert.match(ended({ outcome: 'cancelled', status: 200 }), /^The call ended early\./)
    for (const outcome of ['failed', 'timed_out', 'cancelled', 'refused', 'of a newer proxy'])
      assert.deepEqual(
        [wordsOf({ ...DONE, outcome }).mood, wordsOf({ ...DONE, outcome }).title],
        ['bad', 'Over'],
      )
  })
})
