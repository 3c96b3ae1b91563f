import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Reply } from '../../src/upstream/asking.ts'
import { aCatalog } from './support/a-catalog.ts'
import { anEntry, DOWN, hash, ok, settle } from './support/scripted-ollama.ts'

describe('a catalog', () => {
  it('knows no models before the first answer, then all by key', async () => {
    const { catalog, heard, keys, ollama } = aCatalog(
      anEntry('llama3.2:latest', 'a'),
      anEntry('Qwen3:8b', 'b'),
    )
    ollama.holds.add('show')
    assert.equal(catalog.readAt, undefined)
    catalog.start()
    assert.equal(keys(), undefined)
    await settle()
    assert.deepEqual(keys(), ['llama3.2', 'qwen3:8b'])
    assert.deepEqual(catalog.models?.get('llama3.2'), {
      key: 'llama3.2',
      digest: hash('a'),
      weights: undefined,
      family: 'llama',
      format: 'gguf',
      capabilities: ['completion'],
      remote: false,
    })
    assert.equal(heard.changes, 1)
  })

  it('reads the list at the start, then 30 seconds after the end of each reading', async () => {
    const { catalog, clock, ollama } = aCatalog()
    ollama.holds.add('tags')
    catalog.start()
    clock.advance(5_000)
    await ollama.release()
    clock.advance(29_999)
    assert.equal(ollama.count('tags'), 1)
    clock.advance(1)
    assert.equal(ollama.count('tags'), 2)
  })

  it('tells when the last good reading began', async () => {
    const { catalog, clock, ollama } = aCatalog()
    ollama.holds.add('tags')
    catalog.start()
    const begunAt = clock.now()
    clock.advance(5_000)
    await ollama.release()
    assert.equal(catalog.readAt, begunAt)

    ollama.list = DOWN
    clock.advance(30_000)
    await ollama.release()
    assert.equal(catalog.readAt, begunAt)
  })

  it('stops in the middle of a reading: nobody hears of it, and nobody waits for it', async () => {
    const { catalog, clock, heard, ollama, problems } = aCatalog(anEntry('a', 'a'))
    ollama.holds.add('tags')
    const underWay = catalog.refresh()
    catalog.start()
    const next = catalog.refresh()
    catalog.stop()
    await Promise.all([underWay, next])
    await ollama.release()
    assert.deepEqual([heard.changes, catalog.models, catalog.readAt], [0, undefined, undefined])
    await catalog.refresh()
    assert.deepEqual([clock.pending, ollama.asked], [0, ['tags']])

    const other = aCatalog()
    other.ollama.list = { status: 404, body: '', whole: false }
    other.ollama.holds.add('tags')
    other.catalog.start()
    other.catalog.stop()
    await other.ollama.release()
    assert.deepEqual([problems, other.problems], [[], []])
  })

  it('stops in the middle of a show, and asks for no other', async () => {
    const { catalog, clock, heard, ollama } = aCatalog(anEntry('a', 'a'), anEntry('b', 'b'))
    ollama.holds.add('show')
    catalog.start()
    await settle()
    catalog.stop()
    await ollama.release()
    assert.equal(heard.changes, 1)
    assert.deepEqual(ollama.asked, ['tags', 'show a'])
    assert.equal(clock.pending, 0)
  })
})

describe('a refresh', () => {
  it('fifty times in one second is two readings', async () => {
    const { catalog, clock, ollama } = aCatalog()
    catalog.start()
    await settle()
    for (let count = 0; count < 50; count++) {
      void catalog.refresh()
      clock.advance(10)
      await settle()
    }
    assert.equal(ollama.count('tags'), 1)
    clock.advance(500)
    await settle()
    assert.equal(ollama.count('tags'), 2)
    clock.advance(29_999)
    assert.equal(ollama.count('tags'), 2)
  })

  it('begins at once when the last reading began a second ago', async () => {
    const { catalog, clock, ollama } = aCatalog()
    catalog.start()
    await settle()
    clock.advance(1_000)
    await catalog.refresh()
    assert.equal(ollama.count('tags'), 2)
  })

  it('during a reading leads to one more reading, and waits for that one', async () => {
    const { catalog, clock, keys, ollama } = aCatalog(anEntry('old', 'a'))
    ollama.holds.add('tags')
    catalog.start()
    clock.advance(4_000)
    ollama.models = [anEntry('new', 'b')]
    let over = false
    const first = catalog.refresh().then(() => {
      over = true
    })
    void catalog.refresh()
    await ollama.release()
    assert.deepEqual(keys(), ['old'])
    assert.equal(over, false)
    assert.deepEqual(ollama.held, ['tags'])
    await ollama.release()
    await first
    assert.deepEqual(keys(), ['new'])
    assert.deepEqual(ollama.held, [])
    clock.advance(29_999)
    assert.equal(ollama.count('tags'), 2)
  })

  it('resolves after a reading that failed', async () => {
    const { catalog, ollama } = aCatalog()
    ollama.list = DOWN
    await catalog.refresh()
    assert.equal(ollama.count('tags'), 1)
  })

  it('without start needs no timer, and within a second reads nothing', async () => {
    const { catalog, clock, ollama, weights } = aCatalog(anEntry('a', 'a'))
    await catalog.refresh()
    await settle()
    assert.deepEqual(weights(), { a: 'a' })
    clock.advance(999)
    await catalog.refresh()
    assert.equal(ollama.count('tags'), 1)
    clock.advance(1)
    await catalog.refresh()
    assert.equal(ollama.count('tags'), 2)
    assert.equal(clock.pending, 0)
    clock.advance(3_600_000)
    assert.equal(ollama.count('tags'), 2)
  })

  it('without start, during a reading: one more where that took a second, else none', async () => {
    for (const [tookMs, readings] of [
      [1_000, 2],
      [999, 1],
    ] as const) {
      const { catalog, clock, ollama } = aCatalog()
      ollama.holds.add('tags')
      void catalog.refresh()
      clock.advance(tookMs)
      const second = catalog.refresh()
      await ollama.release()
      await ollama.release()
      await second
      assert.equal(ollama.count('tags'), readings)
      assert.equal(clock.pending, 0)
    }
  })

  it('without start: keepFresh reads every 30 seconds, whether readings are good or not', async () => {
    const { catalog, clock, ollama } = aCatalog()
    const keepFreshUntil = async (ms: number, readings: number) => {
      clock.advance(ms)
      catalog.keepFresh()
      await settle()
      assert.equal(ollama.count('tags'), readings)
    }
    await keepFreshUntil(0, 1)
    await keepFreshUntil(29_999, 1)
    ollama.list = DOWN
    await keepFreshUntil(1, 2)
    await keepFreshUntil(29_999, 2)
    await keepFreshUntil(1, 3)
    assert.equal(clock.pending, 0)
  })

  it('without start: keepFresh makes up once for wishes that were dropped', async () => {
    const { catalog, clock, ollama } = aCatalog()
    ollama.holds.add('tags')
    void catalog.refresh()
    clock.advance(500)
    void catalog.refresh()
    await ollama.release()
    catalog.keepFresh()
    await settle()
    assert.equal(ollama.count('tags'), 1)
    clock.advance(500)
    catalog.keepFresh()
    await ollama.release()
    assert.equal(ollama.count('tags'), 2)
    clock.advance(1_000)
    catalog.keepFresh()
    await settle()
    assert.equal(ollama.count('tags'), 2)
  })

  it('from within onChange is a reading of its own', async () => {
    const { catalog, clock, heard, ollama } = aCatalog(anEntry('a', 'a'))
    ollama.holds.add('tags')
    let inner: Promise<void> | undefined
    let innerOver = false
    heard.onChange = () => {
      inner ??= catalog.refresh().then(() => {
        innerOver = true
      })
    }
    const outer = catalog.refresh()
    clock.advance(2_000)
    await ollama.release()
    await outer
    assert.equal(innerOver, false)
    await ollama.release()
    await inner
    assert.equal(ollama.count('tags'), 2)
  })
})

describe('a list that cannot be read', () => {
  const PAGE: Reply = { status: 200, body: '<html>', whole: true }
  const NOT_FOUND: Reply = { status: 404, body: '', whole: false }

  it('is one problem, whatever the answers are, and the next reading keeps its pace', async () => {
    const { catalog, clock, heard, ollama, problems } = aCatalog()
    ollama.list = NOT_FOUND
    catalog.start()
    await settle()
    for (const list of [NOT_FOUND, PAGE, DOWN, NOT_FOUND]) {
      ollama.list = list
      clock.advance(30_000)
      await settle()
    }
    assert.equal(catalog.models, undefined)
    assert.deepEqual(problems, ['Ollama answers /api/tags with 404'])
    assert.deepEqual([heard.changes, ollama.count('tags')], [0, 5])
  })

  it('is a problem again after a good reading', async () => {
    const { catalog, clock, ollama, problems } = aCatalog()
    catalog.start()
    await settle()
    for (const list of [PAGE, ok({ models: [] }), { ...ok({ models: [] }), whole: false }]) {
      ollama.list = list
      clock.advance(30_000)
      await settle()
    }
    assert.deepEqual(problems, [
      'Ollama answers /api/tags with something else than a list of models',
      'Ollama answers /api/tags with more than 16777216 bytes',
    ])
  })

  it('is no problem of the catalog where Ollama does not answer', async () => {
    const { catalog, ollama, problems } = aCatalog()
    ollama.list = DOWN
    await catalog.refresh()
    assert.deepEqual(problems, [])
  })

  it('leaves the models as the last good list had them', async () => {
    const { catalog, clock, heard, ollama, weights } = aCatalog(anEntry('a', 'a'))
    catalog.start()
    await settle()
    const { models } = catalog
    for (const list of [NOT_FOUND, PAGE, DOWN]) {
      ollama.list = list
      clock.advance(30_000)
      await settle()
      assert.equal(catalog.models, models)
    }
    assert.deepEqual(weights(), { a: 'a' })
    assert.equal(heard.changes, 2)
  })
})

describe('a change', () => {
  it('is told once, and only where a reader sees a difference', async () => {
    const { catalog, clock, heard, ollama } = aCatalog(anEntry('a', 'a'), anEntry('b', 'b'))
    catalog.start()
    await settle()
    // The list, and the weights of each model.
    assert.equal(heard.changes, 3)
    const before = catalog.models
    ollama.models = ollama.models.map((model) => ({ ...model, modified_at: 'now' }))
    clock.advance(30_000)
    await settle()
    assert.equal(ollama.count('tags'), 2)
    assert.equal(catalog.models, before)
    assert.equal(heard.changes, 3)

    const [a, b] = ollama.models
    assert.ok(a && b)
    const seen: unknown[] = []
    for (const differing of [{ capabilities: ['completion', 'vision'] }, { capabilities: [] }]) {
      ollama.models = [{ ...a, ...differing }, b]
      clock.advance(30_000)
      await settle()
      seen.push(catalog.models?.get('a')?.capabilities)
      assert.equal(catalog.models?.get('b'), before?.get('b'))
    }
    assert.deepEqual(seen, [['completion', 'vision'], []])
    assert.deepEqual(before?.get('a')?.capabilities, ['completion'])
    assert.equal(heard.changes, 5)
  })

  it('is not told where nothing differs, but each good reading is', async () => {
    const { catalog, clock, heard, ollama } = aCatalog(anEntry('a', 'a'))
    catalog.start()
    await settle()
    const { changes } = heard
    clock.advance(30_000)
    await settle()
    ollama.list = DOWN
    clock.advance(30_000)
    await settle()
    assert.deepEqual([heard.changes, heard.readings, ollama.count('tags')], [changes, 2, 3])
  })

  it('is told for a model that leaves', async () => {
    const { catalog, clock, heard, keys, ollama } = aCatalog(anEntry('a', 'a'), anEntry('b', 'b'))
    catalog.start()
    await settle()
    ollama.models.pop()
    clock.advance(30_000)
    await settle()
    assert.deepEqual(keys(), ['a'])
    assert.equal(heard.changes, 4)
  })
})

describe('ten thousand models', () => {
  const MODELS = Array.from({ length: 10_000 }, (_, index) => anEntry(`m${index}`, `${index}f`))

  it('are read in little time', async () => {
    const { catalog, clock, ollama } = aCatalog(...MODELS)
    ollama.holds.add('show')
    const list = ok({ models: MODELS })
    ollama.list = list
    await catalog.refresh()
    clock.advance(1_000)
    const parsedMs = cpuMs(() => JSON.parse(list.body))
    const before = process.cpuUsage()
    await catalog.refresh()
    const { user } = process.cpuUsage(before)
    assert.equal(catalog.models?.size, 10_000)
    // 35 ms on a quiet machine. Work for every pair of models would take seconds.
    assert.ok(user / 1_000 - parsedMs < 400, `${user / 1_000} ms with ${parsedMs} ms of JSON.parse`)
  })

  it('do not change with each show, but ten times a second, at the end, and for a model that is wanted', async () => {
    const { catalog, clock, heard, ollama, weights } = aCatalog(...MODELS)
    ollama.holds.add('show m5')
    ollama.holds.add('show m70')
    catalog.start()
    await settle()
    assert.equal(heard.changes, 1)
    clock.advance(100)
    await ollama.release()
    assert.equal(heard.changes, 2)
    assert.equal(weights().m4, '4f')

    catalog.wants('m9999')
    while (ollama.held[0]?.startsWith('show m5')) await ollama.release()
    assert.equal(heard.changes, 3)
    assert.equal(weights().m9999, '9999f')
    assert.equal(weights().m60, undefined)
    while (ollama.held.length > 0) await ollama.release()
    assert.equal(weights().m9998, '9998f')
    assert.equal(heard.changes, 4)
  })
})

function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  return process.cpuUsage(before).user / 1_000
}
