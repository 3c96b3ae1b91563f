import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LoadedWatch, SeenModel } from '../../src/admission/turns/contract.ts'
import type { Reply } from '../../src/upstream/asking.ts'
import { aLoaded } from './support/a-loaded.ts'
import { DOWN, ok, settle } from './support/scripted-ollama.ts'

const LLAMA = ok({ models: [{ name: 'llama3.2:latest', expires_at: '2026-01-01T00:05:00Z' }] })
const NOT_FOUND: Reply = { status: 404, body: '', whole: false }

describe('the pace', () => {
  it('is from the beginning of one question to the beginning of the next, and the first comes at once', async () => {
    const { clock, loaded, ollama, pass, reads } = aLoaded(LLAMA)
    ollama.holds = true
    loaded.pace(2_000)
    assert.deepEqual(ollama.askedAt, [0])
    clock.advance(500)
    await ollama.release()
    ollama.holds = false
    await pass(1_450)
    assert.deepEqual(ollama.askedAt, [0])
    await pass(2_050)
    assert.deepEqual(ollama.askedAt, [0, 2_000, 4_000])
    assert.deepEqual(
      reads.map(({ askedAt }) => askedAt),
      [0, 2_000, 4_000],
    )
  })

  it('counts from the last question also where it changes', async () => {
    const { loaded, ollama, pass } = aLoaded(LLAMA)
    loaded.pace(5_000)
    await pass(1_000)
    loaded.pace(1_500)
    await pass(500)
    assert.deepEqual(ollama.askedAt, [0, 1_500])
    loaded.pace(10_000)
    await pass(3_000)
    loaded.pace(1_000)
    assert.deepEqual(ollama.askedAt, [0, 1_500, 4_500])
    loaded.pace(undefined)
    await pass(200)
    loaded.pace(1_000)
    await pass(750)
    assert.equal(ollama.askedAt.length, 3)
    await pass(50)
    assert.equal(ollama.askedAt.at(-1), 5_500)
  })

  it('stays what it is when it is told again and again', async () => {
    const { clock, loaded, ollama, pass } = aLoaded(LLAMA)
    for (let told = 0; told < 40; told++) {
      loaded.pace(1_000)
      await pass(50)
    }
    assert.deepEqual(ollama.askedAt, [0, 1_000, 2_000])
    assert.equal(clock.pending, 1)
  })

  it('has no timer before it, after it, and while a question is under way', async () => {
    const { clock, loaded, ollama, pass, reads } = aLoaded(LLAMA)
    assert.equal(clock.pending, 0)
    ollama.holds = true
    loaded.pace(1_000)
    await pass(3_000)
    assert.deepEqual([clock.pending, ollama.askedAt], [0, [0]])
    await ollama.release()
    assert.deepEqual(ollama.askedAt, [0, 3_000], 'the time of the next question had passed')
    loaded.pace(undefined)
    await ollama.release()
    await pass(60_000)
    assert.deepEqual([clock.pending, ollama.askedAt.length, reads.length], [0, 2, 2])
  })
})

describe('a look', () => {
  it('asks at once, with a pace and without one', async () => {
    const { clock, loaded, ollama, pass, reads } = aLoaded(LLAMA)
    loaded.look()
    await pass(100)
    assert.deepEqual([ollama.askedAt, reads.length, clock.pending], [[0], 1, 0])
    loaded.pace(1_000)
    await pass(300)
    loaded.look()
    await pass(1_000)
    assert.deepEqual(ollama.askedAt, [0, 400, 1_400], 'the pace counts from the look')
  })

  it('during a question brings one more question after it, however many look', async () => {
    const { clock, loaded, ollama, reads } = aLoaded(LLAMA)
    ollama.holds = true
    loaded.look()
    clock.advance(100)
    for (let looks = 0; looks < 50; looks++) loaded.look()
    assert.equal(ollama.held, 1)
    await ollama.release()
    assert.deepEqual([ollama.askedAt, ollama.held], [[0, 100], 1])
    await ollama.release()
    assert.deepEqual([ollama.held, ollama.askedAt.length], [0, 2])
    assert.deepEqual(
      reads.map(({ askedAt }) => askedAt),
      [0, 100],
    )
  })

  it('and a pace from somebody who hears of an answer begin after that answer, one question at a time', async () => {
    const { clock, hooks, loaded, ollama, pass, reads } = aLoaded(LLAMA)
    ollama.holds = true
    hooks.read = () => {
      if (reads.length > 1) return loaded.pace(5_000)
      loaded.pace(1)
      loaded.look()
      assert.equal(ollama.askedAt.length, 1)
    }
    loaded.look()
    clock.advance(100)
    await ollama.release()
    assert.deepEqual([ollama.askedAt, ollama.held, clock.pending], [[0, 100], 1, 0])
    await ollama.release()
    assert.deepEqual([ollama.held, clock.pending], [0, 1])
    await pass(5_000)
    assert.deepEqual(ollama.askedAt, [0, 100, 5_100])
  })
})

describe('what is loaded', () => {
  it('is told by key and in clock time, as the turns take it', async () => {
    const { loaded, pass, reads, ollama } = aLoaded(LLAMA)
    const watch: LoadedWatch = loaded
    await pass(1_000)
    watch.look()
    await settle()
    const models: readonly SeenModel[] = reads[0]?.models ?? []
    assert.deepEqual(models, [{ model: 'llama3.2', expiresAt: 300_000 }])
    ollama.answer = ok({ models: [] })
    watch.look()
    await settle()
    assert.deepEqual(reads[1], { models: [], askedAt: 1_000 })
  })

  it('is asked with limits of time and size', () => {
    const { loaded, ollama } = aLoaded(LLAMA)
    loaded.look()
    assert.deepEqual(ollama.questions, [
      { method: 'GET', path: '/api/ps', mostBytes: 1_048_576, timeoutMs: 2_000 },
    ])
  })
})

describe('an answer that is no list', () => {
  it('is told once, asked again every 30 seconds, and a list puts all right', async () => {
    const { loaded, ollama, pass, reads, unknowns } = aLoaded(NOT_FOUND)
    loaded.pace(1_000)
    await pass(60_000)
    assert.deepEqual(ollama.askedAt, [0, 30_000, 60_000])
    assert.deepEqual(unknowns, ['Ollama answers /api/ps with 404'])
    ollama.answer = LLAMA
    await pass(30_000)
    assert.equal(reads.length, 1)
    await pass(1_000)
    assert.equal(reads.length, 2)

    ollama.answer = ok('hello')
    await pass(1_000)
    assert.deepEqual(unknowns.slice(1), [
      'Ollama answers /api/ps with something else than a list of the models in memory',
    ])
  })

  it('is asked no more without a pace', async () => {
    const { clock, loaded, ollama, pass } = aLoaded(NOT_FOUND)
    loaded.pace(1_000)
    await pass(100)
    loaded.pace(undefined)
    await pass(120_000)
    assert.deepEqual([ollama.askedAt, clock.pending], [[0], 0])
    loaded.pace(1_000)
    assert.equal(ollama.askedAt.length, 2)
  })

  it('is too long, whatever its beginning says', async () => {
    const { loaded, unknowns } = aLoaded({ status: 200, body: '{"models":[]}', whole: false })
    loaded.look()
    await settle()
    assert.deepEqual(unknowns, ['Ollama answers /api/ps with more than 1048576 bytes'])
  })

  it('is another one than the silence before it, and a slower pace stays slower', async () => {
    const { loaded, ollama, pass, unknowns } = aLoaded(DOWN)
    loaded.pace(40_000)
    await pass(80_000)
    assert.deepEqual(unknowns, [undefined])
    ollama.answer = NOT_FOUND
    await pass(40_000)
    assert.deepEqual(ollama.askedAt, [0, 40_000, 80_000, 120_000])
    assert.deepEqual(unknowns, [undefined, 'Ollama answers /api/ps with 404'])
    ollama.answer = DOWN
    await pass(200_000)
    assert.equal(unknowns.length, 2)
  })
})

describe('no answer', () => {
  it('three times in a row is told once, and asked again at the pace', async () => {
    const { loaded, ollama, pass, unknowns } = aLoaded(DOWN)
    loaded.pace(1_500)
    await pass(2_950)
    assert.deepEqual([ollama.askedAt, unknowns], [[0, 1_500], []])
    await pass(50)
    assert.deepEqual(unknowns, [undefined])
    await pass(15_000)
    assert.equal(ollama.askedAt.length, 13)
    assert.equal(unknowns.length, 1)
  })

  it('makes a fast pace slower: one question a second', async () => {
    const { loaded, ollama, pass } = aLoaded(DOWN)
    loaded.pace(100)
    await pass(3_000)
    assert.deepEqual(ollama.askedAt, [0, 1_000, 2_000, 3_000])
    ollama.answer = LLAMA
    await pass(1_200)
    assert.deepEqual(ollama.askedAt.slice(4), [4_000, 4_100, 4_200])
  })

  it('twice, then a list, then twice is told to nobody', async () => {
    const { loaded, ollama, pass, unknowns } = aLoaded(DOWN)
    loaded.pace(1_000)
    await pass(1_500)
    ollama.answer = LLAMA
    await pass(1_000)
    ollama.answer = DOWN
    await pass(2_000)
    assert.equal(ollama.askedAt.length, 5)
    assert.deepEqual(unknowns, [])
    await pass(1_000)
    assert.deepEqual(unknowns, [undefined])
  })

  it('is also a question that cannot be asked', async () => {
    const { loaded, ollama, unknowns } = aLoaded(LLAMA)
    Object.defineProperty(ollama, 'answer', {
      get: () => {
        throw new Error('no sockets')
      },
    })
    for (let looks = 0; looks < 3; looks++) {
      loaded.look()
      await settle()
    }
    assert.deepEqual(unknowns, [undefined])
  })
})

describe('stop', () => {
  it('by somebody who hears of an answer ends all, also what was asked for before', async () => {
    for (const answer of [LLAMA, NOT_FOUND]) {
      const { clock, hooks, loaded, ollama, pass } = aLoaded(answer)
      ollama.holds = true
      hooks.read = hooks.unknown = () => loaded.stop()
      loaded.pace(100)
      loaded.look()
      await ollama.release()
      await pass(1_000)
      assert.deepEqual([ollama.askedAt, clock.pending], [[0], 0])
    }
  })

  it('in the middle of a question: nobody hears of the answer, and nothing is asked any more', async () => {
    for (const answer of [LLAMA, NOT_FOUND, DOWN]) {
      const { clock, loaded, ollama, pass, reads, unknowns } = aLoaded(answer)
      ollama.holds = true
      loaded.pace(1_000)
      loaded.look()
      loaded.stop()
      await ollama.release()
      loaded.look()
      loaded.pace(500)
      await pass(60_000)
      assert.deepEqual([reads, unknowns, clock.pending, ollama.askedAt], [[], [], 0, [0]])
    }
  })

  it('between two questions takes the timer back', async () => {
    const { clock, loaded, ollama, pass } = aLoaded(LLAMA)
    loaded.pace(1_000)
    await pass(100)
    loaded.stop()
    await pass(5_000)
    assert.deepEqual([clock.pending, ollama.askedAt], [0, [0]])
  })
})
