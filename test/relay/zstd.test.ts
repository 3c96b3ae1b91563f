import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readCall } from '../../src/relay/call.ts'
import { decodeZstd } from '../../src/relay/zstd.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bytesOf, ScriptedExchange } from '../support/scripted-exchange.ts'

/** `{"model": "llama2"}` as the reference encoder writes it, in all the ways it can. */
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

/** Decodes with every turn that is asked for, and tells how many those were. */
async function decode(body: Uint8Array): Promise<{ text: string | undefined; turns: number }> {
  const clock = new ManualClock()
  let settled = false
  let turns = 0
  const decoding = decodeZstd(body, clock).finally(() => {
    settled = true
  })
  decoding.catch(() => {})
  while (!settled) {
    await new Promise(setImmediate)
    turns += clock.pending
    clock.advance(0)
  }
  const decoded = await decoding
  return { text: decoded && new TextDecoder().decode(decoded), turns }
}

/** A frame of RLE blocks: `count` blocks of `size` zero bytes and a last empty one. */
function rleFrame(windowLog: number, count: number, size: number): Uint8Array {
  const block = (last: number, length: number) => {
    const header = (length << 3) | 2 | last
    return [header & 255, (header >> 8) & 255, header >> 16, 0x20]
  }
  const blocks = Array.from({ length: count }, () => block(0, size)).flat()
  return new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, ...blocks, ...block(1, 1)])
}

describe('a zstd body', () => {
  for (const [how, sample] of Object.entries(SAMPLES)) {
    it(`${how} is decoded`, async () => {
      assert.equal((await decode(bytes(sample))).text, '{"model": "llama2"}')
    })
  }
  it('that is large is decoded to its end', async () => {
    const { text } = await decode(bytes(LARGE))
    assert.equal(text?.length, 3 * 2 ** 20 + 19)
    assert.equal(text?.trimStart(), '{"model": "llama2"}')
  })
  it('lets others run while it takes long', async () => {
    const { text, turns } = await decode(rleFrame(20, 100, 100_000))
    assert.equal(text?.length, 10_000_001)
    assert.ok(turns >= 5, `${turns} turns`)
  })
  it('over 20 MiB is not decoded', async () => {
    assert.equal((await decode(rleFrame(17, 159, 131_072))).text?.length, 159 * 131_072 + 1)
    assert.equal((await decode(rleFrame(17, 161, 131_072))).text, undefined)
  })
  it('that asks for more memory than Ollama gives is not decoded', async () => {
    assert.equal((await decode(bytes(LONG_WINDOW))).text, undefined)
    assert.equal((await decode(rleFrame(31, 1, 1))).text, undefined)
  })
  it('of tiny blocks under a large window is refused before it costs anything', async () => {
    const started = performance.now()
    await assert.rejects(decode(rleFrame(23, 20_000, 1)), { code: 'body_too_large' })
    const frames = Array.from({ length: 300 }, () => [...rleFrame(23, 1, 1)]).flat()
    await assert.rejects(decode(new Uint8Array(frames)), { code: 'body_too_large' })
    assert.ok(performance.now() - started < 2_000)
  })
  it('that is broken anywhere is not decoded, and never makes it throw', async () => {
    const whole = bytes(SAMPLES['with a checksum'])
    for (let end = 1; end < whole.length; end++) {
      assert.equal((await decode(whole.subarray(0, end))).text, undefined, `cut at ${end}`)
    }
    for (let at = 0; at < whole.length; at++) {
      const broken = whole.slice()
      broken[at] = (broken[at] ?? 0) ^ 0xff
      await decode(broken)
    }
    for (const junk of ['{"model":"llama2"}', '\u0028', 'x'.repeat(100)]) {
      assert.equal((await decode(new TextEncoder().encode(junk))).text, undefined)
    }
    assert.equal((await decode(new Uint8Array([...whole, 1, 2, 3, 4]))).text, undefined)
  })
})

describe('which model a zstd body is for', () => {
  const modelOf = async (path: string, encoding: string, body: string | Uint8Array) => {
    const exchange = new ScriptedExchange({ target: path, headers: { 'content-encoding': encoding } })
    return (await readCall(exchange, path, bytesOf(body), new ManualClock())).model?.key
  }
  const sample = bytes(SAMPLES['in one frame with its size'])

  for (const path of ['chat/completions', 'completions', 'embeddings', 'responses', 'messages']) {
    it(`is known on /v1/${path}`, async () =>
      assert.equal(await modelOf(`/v1/${path}`, 'zstd', sample), 'llama2'))
  }
  it('is not on /api, where Ollama does not decode', async () => {
    for (const path of ['/api/chat', '/api/generate', '/api/embed', '/api/embeddings']) {
      assert.equal(await modelOf(path, 'zstd', sample), undefined)
      assert.equal(await modelOf(path, 'zstd', '{"model":"llama2"}'), 'llama2')
    }
  })
  it('is known when the header is repeated: Ollama looks at the first', async () => {
    assert.equal(await modelOf('/v1/responses', 'zstd, zstd', sample), 'llama2')
    assert.equal(await modelOf('/v1/responses', 'zstd, identity', sample), 'llama2')
  })
  it('is known when the header only begins with zstd, which Ollama takes for a plain body', async () => {
    assert.equal(await modelOf('/v1/responses', 'zstd, gzip', '{"model":"llama2"}'), 'llama2')
  })
  it('is not under another spelling, which Ollama does not decode', async () => {
    for (const encoding of ['ZSTD', 'gzip', 'gzip, zstd', 'zstd2', '']) {
      assert.equal(await modelOf('/v1/responses', encoding, sample), undefined, encoding)
    }
  })
})
