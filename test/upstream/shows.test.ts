import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aCatalog } from './support/a-catalog.ts'
import { anEntry, DOWN, hash, ok, settle, shows } from './support/scripted-ollama.ts'

const NEXT_READING_MS = 30_000
const HOUR_MS = 3_600_000

/** A catalog that has read its list and every show. */
async function started(...models: Parameters<typeof aCatalog>) {
  const all = aCatalog(...models)
  all.catalog.start()
  await settle()
  /** Reads the list again. */
  const again = async () => {
    all.clock.advance(NEXT_READING_MS)
    await settle()
  }
  return { ...all, again }
}

describe('the weights of a model', () => {
  it('are asked once for each manifest, and never again', async () => {
    const { again, ollama, weights } = await started(
      anEntry('a', 'a'),
      anEntry('copy', 'a'),
      anEntry('b', 'b'),
    )
    await again()
    assert.deepEqual(weights(), { a: 'a', copy: 'a', b: 'b' })
    assert.deepEqual(ollama.asked, ['tags', 'show a', 'show b', 'tags'])
  })

  it('are asked in the order of the list, one at a time', async () => {
    const { catalog, ollama, weights } = aCatalog(anEntry('a', 'a'), anEntry('b', 'b'), anEntry('c', 'c'))
    ollama.holds.add('show')
    catalog.start()
    await settle()
    for (const name of ['a', 'b', 'c']) {
      assert.deepEqual(ollama.held, [`show ${name}`])
      await ollama.release()
    }
    assert.deepEqual(weights(), { a: 'a', b: 'b', c: 'c' })
  })

  it('are asked first where somebody wants the model', async () => {
    const { catalog, ollama } = aCatalog(...[...'abcde'].map((name) => anEntry(name, name)))
    ollama.holds.add('show a')
    catalog.wants('d')
    catalog.start()
    await settle()
    for (const key of ['a', 'd', 'nobody', 'c', 'd']) catalog.wants(key)
    await ollama.release()
    assert.deepEqual(ollama.takeShows(), ['a', 'd', 'c', 'b', 'e'])
  })

  it('are still asked first after the next list', async () => {
    const { again, catalog, ollama } = await started(...[...'abc'].map((name) => anEntry(name, name)))
    ollama.models = [...'adef'].map((name) => anEntry(name, name))
    ollama.holds.add('show')
    await again()
    // The weights of this model are known.
    catalog.wants('a')
    catalog.wants('f')
    await again()
    catalog.wants('a')
    ollama.takeShows()
    while (ollama.held.length > 0) await ollama.release()
    assert.deepEqual(ollama.takeShows(), ['f', 'e'])
  })

  it('are the manifest for MLX, and nothing for a stub', async () => {
    const { ollama, weights } = await started(
      anEntry('mlx', 'a', { details: { parent_model: '', format: 'safetensors', family: 'qwen3' } }),
      anEntry('stub', 'b', { remote_host: 'https://ollama.com:443' }),
    )
    assert.deepEqual(weights(), { mlx: 'a', stub: undefined })
    assert.deepEqual(ollama.asked, ['tags'])
  })

  it('are not asked where the server tells no manifest', async () => {
    const { ollama, weights } = await started(anEntry('a', 'a', { digest: '' }))
    assert.deepEqual(weights(), { a: undefined })
    assert.deepEqual(ollama.asked, ['tags'])
  })

  it('come with the capabilities that Ollama schedules by', async () => {
    const { catalog, ollama } = aCatalog(anEntry('a', 'a', { capabilities: ['completion'] }))
    const modelfile = `FROM sha256-${hash('a')}`
    ollama.shown.set('a', ok({ modelfile, capabilities: ['embedding'] }))
    catalog.start()
    await settle()
    assert.deepEqual(catalog.models?.get('a')?.capabilities, ['embedding'])
  })

  it('are forgotten with the last model of a manifest, and asked again when the manifest returns', async () => {
    const { again, ollama, weights } = await started(anEntry('a', 'a'), anEntry('copy', 'a'))
    const [a, copy] = ollama.models
    assert.ok(a && copy)
    for (const models of [[copy], [a]]) {
      ollama.models = models
      await again()
    }
    assert.deepEqual(ollama.takeShows(), ['a'])
    assert.deepEqual(weights(), { a: 'a' })
    ollama.models = []
    await again()
    ollama.models = [a]
    await again()
    assert.deepEqual(ollama.takeShows(), ['a'])
    assert.deepEqual(weights(), { a: 'a' })
  })

  it('are withdrawn when the name had another manifest by the time of the answer', async () => {
    const { catalog, clock, ollama, weights } = aCatalog(anEntry('a', '0d'), anEntry('copy', '0d'))
    ollama.holds.add('tags')
    catalog.start()
    // Between the list and the answer somebody creates another model under the name.
    ollama.shown.set('a', shows('ee'))
    await ollama.release()
    assert.deepEqual(weights(), { a: 'ee', copy: 'ee' })
    ollama.models = [anEntry('a', 'ee'), anEntry('copy', '0d')]
    clock.advance(NEXT_READING_MS)
    await ollama.release()
    assert.deepEqual(weights(), { a: 'ee', copy: '0d' })
    assert.deepEqual(ollama.takeShows(), ['a', 'a', 'copy'])
  })

  it('are confirmed only by a list that is younger than the answer', async () => {
    const { catalog, clock, ollama, weights } = aCatalog(anEntry('a', '0d'), anEntry('copy', '0d'))
    ollama.holds.add('tags').add('show')
    catalog.start()
    ollama.shown.set('a', shows('ee'))
    await ollama.release()
    clock.advance(NEXT_READING_MS)
    assert.deepEqual(ollama.held, ['show a', 'tags'])
    await ollama.release()
    // This list was made before the answer.
    await ollama.release()
    ollama.models = [anEntry('a', 'ee'), anEntry('copy', '0d')]
    clock.advance(NEXT_READING_MS)
    ollama.holds.delete('show')
    await ollama.release()
    assert.deepEqual(weights(), { a: 'ee', copy: '0d' })
  })
})

describe('a show that fails', () => {
  for (const [what, failure] of [
    ['without an answer', DOWN],
    ['with another status', { status: 500, body: '', whole: false }],
    ['with a page', { status: 200, body: '<html>', whole: true }],
    ['without weights', ok({ modelfile: '# FROM a' })],
    ['with too long an answer', { ...shows('a'), whole: false }],
  ] as const) {
    it(`${what} is asked again after the next list, not at once`, async () => {
      const { catalog, clock, ollama, weights } = aCatalog(anEntry('a', 'a'), anEntry('b', 'b'))
      ollama.shown.set('a', failure)
      catalog.start()
      await settle()
      clock.advance(NEXT_READING_MS - 1)
      await settle()
      assert.deepEqual(ollama.takeShows(), ['a', 'b'])
      assert.deepEqual(weights(), { a: undefined, b: 'b' })
      ollama.shown.delete('a')
      clock.advance(1)
      await settle()
      assert.deepEqual(ollama.takeShows(), ['a'])
      assert.deepEqual(weights(), { a: 'a', b: 'b' })
    })
  }

  it('three times in a row is asked again after an hour', async () => {
    const { again, clock, ollama, weights } = await failing()
    for (const asked of [1, 2, 3, 3, 3]) {
      assert.equal(ollama.count('show a'), asked)
      await again()
    }
    clock.advance(HOUR_MS)
    await settle()
    assert.equal(ollama.count('show a'), 4)
    ollama.shown.delete('a')
    await again()
    assert.deepEqual(weights(), { a: 'a' })
  })

  it('three times in a row is asked at once for another manifest', async () => {
    const { again, ollama, weights } = await failing()
    for (let times = 0; times < 5; times++) await again()
    ollama.shown.delete('a')
    ollama.models = [anEntry('a', 'b')]
    await again()
    assert.equal(ollama.count('show a'), 4)
    assert.deepEqual(weights(), { a: 'b' })
  })

  it('does not count with those before a success', async () => {
    const { again, ollama } = await failing()
    ollama.models.push(anEntry('copy', 'a'))
    await again()
    assert.equal(ollama.count('show a'), 2)
    ollama.shown.delete('a')
    await again()
    // The answer was about another manifest, and is withdrawn.
    ollama.models = [anEntry('a', 'b'), anEntry('copy', 'a')]
    ollama.shown.set('copy', DOWN)
    await again()
    assert.equal(ollama.count('show copy'), 1)
    await again()
    assert.equal(ollama.count('show copy'), 2)
  })

  it('is forgotten with its manifest', async () => {
    const { again, ollama } = await failing()
    for (let times = 0; times < 5; times++) await again()
    const models = ollama.models.splice(0)
    await again()
    ollama.models = models
    await again()
    assert.equal(ollama.count('show a'), 4)
  })

  async function failing() {
    const all = aCatalog(anEntry('a', 'a'))
    all.ollama.shown.set('a', DOWN)
    all.catalog.start()
    await settle()
    const again = async () => {
      all.clock.advance(NEXT_READING_MS)
      await settle()
    }
    return { ...all, again }
  }
})

describe('forget', () => {
  it('asks everything again after the next list; the models stay until then', async () => {
    const { again, catalog, ollama, weights } = await started(anEntry('a', 'a'), anEntry('b', 'b'))
    ollama.takeShows()
    catalog.forget()
    await settle()
    assert.deepEqual(ollama.asked, [])
    ollama.shown.set('a', shows('cc'))
    ollama.holds.add('show')
    await again()
    assert.deepEqual(weights(), { a: 'a', b: 'b' })
    await ollama.release()
    await ollama.release()
    assert.deepEqual(weights(), { a: 'cc', b: 'b' })
    await again()
    assert.deepEqual(ollama.takeShows(), ['a', 'b'])
  })

  it('does not take the answer of a question from before, and asks none of the old row', async () => {
    const { catalog, clock, ollama, weights } = aCatalog(anEntry('a', 'a'), anEntry('b', 'b'))
    ollama.holds.add('show')
    catalog.start()
    await settle()
    catalog.forget()
    ollama.shown.set('a', shows('cc'))
    await ollama.release()
    assert.deepEqual(ollama.held, [])
    clock.advance(NEXT_READING_MS)
    await settle()
    await ollama.release()
    await ollama.release()
    assert.deepEqual(weights(), { a: 'cc', b: 'b' })
    assert.deepEqual(ollama.takeShows(), ['a', 'a', 'b'])
  })

  it('asks again also what was under way when the next list came', async () => {
    const { catalog, clock, ollama, weights } = aCatalog(anEntry('a', 'a'))
    ollama.holds.add('show')
    catalog.start()
    await settle()
    catalog.forget()
    clock.advance(NEXT_READING_MS)
    await settle()
    ollama.shown.set('a', shows('cc'))
    await ollama.release()
    assert.deepEqual(weights(), { a: 'a' })
    await ollama.release()
    assert.deepEqual(weights(), { a: 'cc' })
  })

  it('gives a model that failed three times another chance', async () => {
    const { again, catalog, ollama, weights } = await started(anEntry('a', 'a', { digest: hash('a') }))
    ollama.models = [anEntry('b', 'b')]
    ollama.shown.set('b', DOWN)
    for (let times = 0; times < 4; times++) await again()
    assert.equal(ollama.count('show b'), 3)
    catalog.forget()
    ollama.shown.delete('b')
    await again()
    assert.deepEqual(weights(), { b: 'b' })
  })
})
