import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decompress } from 'fzstd'
import { readGatedRequest } from '../../src/ollama/gated-request.ts'
import { Unreadable } from '../../src/ollama/unreadable.ts'
import { beginsLikeZstd, ZstdDecoder } from '../../src/ollama/zstd.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bytesOf, ScriptedRequest } from '../support/scripted-request.ts'
import { block, frameOf, longFrame, rawFrame, rleFrame } from './support/zstd-frames.ts'
import { WRITTEN_BY_LIBZSTD } from './support/zstd-samples.ts'

/** `{"model": "llama2"}` in each form that the reference encoder writes. */
const SAMPLES = {
  'in one frame with its size': 'KLUv/SATmQAAeyJtb2RlbCI6ICJsbGFtYTIifQ==',
  'with a checksum': 'KLUv/SQTmQAAeyJtb2RlbCI6ICJsbGFtYTIifbmBv18=',
  'without its size': 'KLUv/QBYmQAAeyJtb2RlbCI6ICJsbGFtYTIifQ==',
  'in a block for each four bytes': 'KLUv/QBYIAAAeyJtbyAAAGRlbCIgAAA6ICJsIAAAbGFtYRgAADIifQEAAA==',
  'in two frames': 'KLUv/SAHOQAAeyJtb2RlbCi1L/0gDGEAACI6ICJsbGFtYTIifQ==',
  'between two frames that are to be skipped':
    'UCpNGAUAAABoZWxsbyi1L/0gE5kAAHsibW9kZWwiOiAibGxhbWEyIn1fKk0YAAAAAA==',
}
/** The same behind 3 MiB of blanks. */
const LARGE =
  'KLUv/QBYVAAAECAgAQD7/znAAgIAECACABAgAgAQIAIAECACABAgAgAQIAIAECACABAgAgAQIAIAECACABAgAgAQIAIAECACABAgAgAQIAIAECACABAgAgAQIAIAECACABAgAgAQIAIAECACABAgmQAAeyJtb2RlbCI6ICJsbGFtYTIifQ=='
/** A frame that asks for a window of 128 MiB. */
const LONG_WINDOW = 'KLUv/QCImQAAeyJtb2RlbCI6ICJsbGFtYTIifQ=='

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

const LARGEST = 2 ** 30
const CALL = { maxBodyBytes: LARGEST, throwIfOver() {} }

function decoder(body: Uint8Array, { most = LARGEST, steps = 2 ** 40 } = {}): ZstdDecoder {
  const decoder = new ZstdDecoder(body, most)
  while (!decoder.advance(steps));
  return decoder
}
const decode = (body: Uint8Array, bounds?: { most?: number; steps?: number }) =>
  new TextDecoder().decode(decoder(body, bounds).bytes)

describe('a zstd body', () => {
  for (const [how, sample] of Object.entries(SAMPLES)) {
    it(`${how} is decoded`, () => {
      assert.equal(decode(bytes(sample)), '{"model": "llama2"}')
    })
  }
  for (const [what, sample] of Object.entries(WRITTEN_BY_LIBZSTD)) {
    it(`of ${what} is decoded as by fzstd, at once or in steps`, () => {
      const body = bytes(sample)
      const expected = new TextDecoder().decode(decompress(body))
      assert.equal(decode(body), expected)
      assert.equal(decode(body, { steps: 1 }), expected)
    })
  }
  it('is recognised by its first bytes, with which no JSON begins', () => {
    assert.equal(beginsLikeZstd(bytes(SAMPLES['in one frame with its size'])), true)
    assert.equal(beginsLikeZstd(bytes(SAMPLES['between two frames that are to be skipped'])), true)
    for (const text of ['', '{', '{"model":"llama2"}', '(\xb5/', '    ']) {
      assert.equal(beginsLikeZstd(new TextEncoder().encode(text)), false)
    }
  })
  it('is decoded although its window is larger than Ollama allows: the decoder keeps no window', () => {
    assert.equal(decode(bytes(LONG_WINDOW)), '{"model": "llama2"}')
  })
  it('is decoded in stretches of about the requested length', () => {
    const samples = Object.values(WRITTEN_BY_LIBZSTD).flatMap((sample) => [...bytes(sample)])
    const frame = new ZstdDecoder(new Uint8Array([...rleFrame(17, 2, 100_000), ...samples]), LARGEST)
    for (let over = false; !over; ) {
      const before = frame.steps
      over = frame.advance(1_000)
      // A block is decoded in one piece.
      assert.ok(frame.steps - before <= 150_000, `${frame.steps - before} steps`)
    }
  })

  describe('is refused', () => {
    const TOO_LARGE = { code: 'body_too_large' }
    const BROKEN = { code: 'invalid_request' }
    it('over 20 MiB, as Ollama does', () => {
      const filler = new Uint8Array(2 ** 17)
      const body = (count: number) => new Uint8Array([...rleFrame(17, count, 131_072), ...rawFrame(filler)])
      assert.equal(decoder(body(158)).bytes.length, 159 * 131_072 + 1)
      assert.throws(() => decoder(body(160)), TOO_LARGE)
    })
    it('over the bytes that the call may hold', () => {
      const body = rawFrame(new Uint8Array(1_000))
      assert.equal(decoder(body, { most: 1_000 }).bytes.length, 1_000)
      assert.throws(() => decoder(body, { most: 999 }), TOO_LARGE)
    })
    it('over 200 times its own size, from 256 KiB on', () => {
      assert.equal(decoder(rleFrame(17, 2, 131_071)).bytes.length, 262_143)
      assert.throws(() => decoder(rleFrame(17, 2, 131_072)), TOO_LARGE)
      const wide = (count: number) =>
        new Uint8Array([...rleFrame(17, count, 131_072), ...rawFrame(new Uint8Array(10_000))])
      assert.ok(decoder(wide(15)).bytes.length > 1_900_000)
      assert.throws(() => decoder(wide(16)), TOO_LARGE)
    })
    it('before it costs more than its bound, whatever its blocks', () => {
      for (const frame of [rleFrame(23, 1_000, 131_072), rleFrame(23, 20_000, 1), bytes(LARGE)]) {
        const scan = new ZstdDecoder(frame, LARGEST)
        try {
          while (!scan.advance(10_000));
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'body_too_large')
        }
        assert.ok(
          scan.steps < 2_000_000 + 500 * frame.length,
          `${scan.steps} steps for ${frame.length} bytes`,
        )
      }
    })
    it('with a block that decodes to more than a block may hold', () => {
      // Nearly a hundred thousand sequences of 65 539 bytes each, in twenty bytes.
      const sequences = [0x00, 0xff, 0xff, 0xff, 0x54, 0, 0, 52, 0x01]
      assert.throws(() => decoder(frameOf(23, [block(2, sequences.length, sequences)])), BROKEN)
    })
    it('cut off at any byte; with a broken byte it is refused or gives another text', () => {
      for (const sample of [SAMPLES['with a checksum'], ...Object.values(WRITTEN_BY_LIBZSTD)]) {
        const whole = bytes(sample)
        const step = Math.ceil(whole.length / 400)
        for (let end = 1; end < whole.length; end += step) {
          assert.throws(() => decoder(whole.subarray(0, end)), BROKEN, `cut at ${end}`)
        }
        for (let at = 0; at < whole.length; at += step) {
          const broken = whole.slice()
          broken[at] = (broken[at] ?? 0) ^ 0xff
          try {
            decoder(broken)
          } catch (error) {
            assert.ok(error instanceof Unreadable, String(error))
          }
        }
        assert.throws(() => decoder(new Uint8Array([...whole, 1, 2, 3, 4])), BROKEN)
      }
    })
    it('with a dictionary, which Ollama does not have', () => {
      const body = bytes(SAMPLES['in one frame with its size'])
      const named = new Uint8Array([...body.subarray(0, 4), (body[4] ?? 0) | 1, 7, ...body.subarray(5)])
      assert.throws(() => decoder(named), BROKEN)
    })
  })
})

describe('the model of a zstd body', () => {
  const modelOf = async (path: string, encoding: string, body: string | Uint8Array) => {
    const client = new ScriptedRequest({ target: path, headers: { 'content-encoding': encoding } })
    return (await readGatedRequest(client, path, bytesOf(body), new ManualClock(), CALL)).model?.key
  }
  const sample = bytes(SAMPLES['in one frame with its size'])

  for (const path of ['chat/completions', 'completions', 'embeddings', 'responses', 'messages']) {
    it(`is found on /v1/${path}`, async () =>
      assert.equal(await modelOf(`/v1/${path}`, 'zstd', sample), 'llama2'))
  }
  it('is not found on /api, where Ollama does not decode', async () => {
    for (const path of ['/api/chat', '/api/generate', '/api/embed', '/api/embeddings']) {
      assert.equal(await modelOf(path, 'zstd', sample), undefined)
      assert.equal(await modelOf(path, 'zstd', '{"model":"llama2"}'), 'llama2')
    }
  })
  it('is found when the header is repeated: Ollama reads the first one', async () => {
    assert.equal(await modelOf('/v1/responses', 'zstd, zstd', sample), 'llama2')
    assert.equal(await modelOf('/v1/responses', 'zstd, identity', sample), 'llama2')
  })
  it('is found in a plain body when the header only begins with zstd', async () => {
    assert.equal(await modelOf('/v1/responses', 'zstd, gzip', '{"model":"llama2"}'), 'llama2')
  })
  it('is refused when the body begins like zstd and does not decode', async () => {
    await assert.rejects(modelOf('/v1/responses', 'zstd', sample.subarray(0, -1)), {
      code: 'invalid_request',
    })
    await assert.rejects(modelOf('/v1/responses', 'zstd', rleFrame(17, 3, 131_072)), {
      code: 'body_too_large',
    })
  })
  it('is not found under another spelling, which Ollama does not decode', async () => {
    for (const encoding of ['ZSTD', 'gzip', 'gzip, zstd', 'zstd2', '']) {
      assert.equal(await modelOf('/v1/responses', encoding, sample), undefined, encoding)
    }
  })
})

describe('calls whose bodies take long to decode', () => {
  const client = new ScriptedRequest({ target: '/v1/responses', headers: { 'content-encoding': 'zstd' } })
  const long = (model: string) => longFrame(`{"model":"${model}"}`)
  /** Reads a call for each of these models, in their order, with one clock. `settled` gathers how the calls end. */
  function start(models: readonly string[], clock: ManualClock) {
    const settled: string[] = []
    const over = new Set<string>()
    for (const model of models) {
      const throwIfOver = () => {
        if (over.has(model)) throw new Error('over')
      }
      readGatedRequest(client, '/v1/responses', long(model), clock, { ...CALL, throwIfOver }).then(
        (read) => settled.push(read.model?.key ?? 'none'),
        (error: unknown) => settled.push(`${model}: ${error instanceof Error && error.message}`),
      )
    }
    return { settled, over }
  }
  const tick = () => new Promise(setImmediate)
  async function finish(clock: ManualClock): Promise<number> {
    let most = 0
    await tick()
    while (clock.pending > 0) {
      most = Math.max(most, clock.pending)
      clock.advance(0)
      await tick()
    }
    return most
  }

  it('are decoded two at a time, in their order', async () => {
    const clock = new ManualClock()
    const { settled } = start(['a', 'b', 'c', 'd', 'e'], clock)
    assert.equal(await finish(clock), 2)
    assert.deepEqual(settled, ['a', 'b', 'c', 'd', 'e'])
  })

  it('are not decoded when they end while they wait', async () => {
    const clock = new ManualClock()
    const { settled, over } = start(['a', 'b', 'c', 'd', 'e'], clock)
    await tick()
    over.add('c').add('d')
    await finish(clock)
    assert.deepEqual(settled.sort(), ['a', 'b', 'c: over', 'd: over', 'e'])
  })

  it('make room when they end during the work, or when they cannot be decoded', async () => {
    const clock = new ManualClock()
    const { settled, over } = start(['a', 'b', 'c'], clock)
    await tick()
    over.add('a').add('b')
    await finish(clock)
    assert.deepEqual(settled, ['a: over', 'b: over', 'c'])
    for (let index = 0; index < 3; index++) {
      const body = long('x').subarray(0, -1)
      const reading = readGatedRequest(client, '/v1/responses', body, clock, CALL)
      reading.catch(() => {})
      await finish(clock)
      await assert.rejects(reading, { code: 'invalid_request' })
    }
    const after = start(['d'], clock)
    await finish(clock)
    assert.deepEqual(after.settled, ['d'])
  })
})
