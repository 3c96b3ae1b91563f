import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { Pair, type Target } from './pair.ts'
import { MIB } from './process-memory.ts'
import { isWhole } from './raw-answer.ts'
import { RawCall } from './raw-call.ts'

const FORM = 'Content-Type: multipart/form-data; boundary=b'
const MODEL = 'Content-Disposition: form-data; name="model"'
const OTHER = 'Content-Disposition: form-data; name="prompt"'
const part = (head: string, content = 'llama3.2') => `--b\r\n${head}\r\n\r\n${content}\r\n`
const continued = (count: number) => Array.from({ length: count }, (_, index) => `; x*${index}=a`).join('')
const filled = (piece: string, bytes: number) => piece.repeat(Math.floor(bytes / piece.length))

/** Forms that took a reader of all of MIME seconds, or its stack. */
const FORMS: readonly [what: string, type: string, body: string][] = [
  [
    'continued parameters in its type',
    `Content-Type: multipart/form-data${continued(900)}; boundary=b`,
    part(MODEL),
  ],
  ['a head with 140 KB of blanks', FORM, part(`${OTHER.replace('"prompt"', 'b')}${' '.repeat(140_000)}x`)],
  ['a head with 20 000 continued parameters', FORM, part(`${OTHER}${continued(20_000)}`)],
  ['a quoted value of 8 MiB', FORM, part(`${OTHER}; x="${'a'.repeat(8 * MIB)}"`)],
  ['a folded head of 8 MiB', FORM, part(`${OTHER}${filled('\r\n ', 8 * MIB)}`)],
  ['200 000 parts', FORM, filled(part(OTHER, ''), 8 * MIB)],
  ['lines that end in LF alone', FORM, part(MODEL).replaceAll('\r\n', '\n')],
  ['a model with an encoded name', FORM, part("Content-Disposition: form-data; name*=utf-8''model")],
]

/** What stands in front of the model in a body of JSON. */
const PIECES: Readonly<Record<string, string>> = {
  'a model for each twelve bytes': '"model":"a",',
  'tiny keys': '"":0,',
  'keys in escapes': '"mode\\u006b":0,',
  'escaped quotes': '"x":"\\"\\"\\"\\"\\"\\"\\"\\"\\"\\"",',
  'lists of empty strings': '"x":["","","",""],',
}

/** A zstd frame with blocks of one type, 1 for a byte that repeats and 2 for compressed ones. */
function zstd(type: 1 | 2, blocks: readonly { size: number; content: readonly number[] }[]): Buffer {
  const written = blocks.flatMap(({ size, content }, index) => {
    const header = (size << 3) | (type << 1) | (index === blocks.length - 1 ? 1 : 0)
    return [header & 255, (header >> 8) & 255, header >> 16, ...content]
  })
  return Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, ...written])
}
const BLANKS = zstd(
  1,
  Array.from({ length: 150 }, () => ({ size: 131_072, content: [0x20] })),
)
/** Nearly a hundred thousand sequences of 65 539 bytes each. */
const SEQUENCES = [0x00, 0xff, 0xff, 0xff, 0x54, 0, 0, 52, 0x01]

export function hardBodies(target: Target): void {
  describe('a body that is hard to read', () => {
    let pair: Pair
    before(async () => {
      pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--prompt-rate', '1000000000', '--token-rate', '500'],
        serve: ['--parallel', '2'],
      })
    })
    after(() => pair.stop())

    /** Sends a request and its body, and asks for /health/live until the answer is there. */
    async function answer(path: string, headers: readonly string[], body: Buffer): Promise<RawCall> {
      const call = new RawCall(pair.proxy.port)
      const lines = [`POST ${path} HTTP/1.1`, 'Host: localhost', ...headers, `Content-Length: ${body.length}`]
      call.send(`${lines.join('\r\n')}\r\n\r\n`)
      call.socket.write(body)
      let answered = false
      const over = until(
        'it is answered',
        () => isWhole(call.received, false) || call.closed,
        30_000,
      ).finally(() => {
        answered = true
      })
      do assert.equal((await fetch(`${pair.proxy.url}/health/live`)).status, 200)
      while (!answered)
      await over
      call.leave('fin')
      return call
    }

    const noneRuns = async () => {
      const { active_requests, queued_requests } = await pair.stats()
      assert.equal(active_requests + queued_requests, 0)
    }

    for (const [what, type, body] of FORMS) {
      it(`is refused: a form with ${what}`, async () => {
        const { submitted } = await pair.simulated()
        const form = Buffer.from(`${body}--b--\r\n`, 'latin1')
        const call = await answer('/v1/audio/transcriptions', [type], form)
        assert.equal(call.status, 400)
        assert.match(call.received, /"code":"invalid_form"/)
        assert.equal((await pair.simulated()).submitted, submitted, 'Ollama never hears of it')
        await noneRuns()
      })
    }

    for (const [what, piece] of Object.entries(PIECES)) {
      it(`is served: JSON with ${what}`, async () => {
        const { total_processed } = await pair.stats()
        const tail = '"model":"llama3.2","prompt":"x","stream":false,"options":{"num_predict":1}}'
        const call = await answer('/api/generate', [], Buffer.from(`{${filled(piece, 4 * MIB)}${tail}`))
        assert.equal(call.status, 200)
        await until(
          'its slot is free',
          async () => (await pair.stats()).total_processed === total_processed + 1,
        )
        await noneRuns()
      })
    }

    it('is refused: a name behind more white space than anybody writes', async () => {
      const body = Buffer.from(`{"model":"${' '.repeat(100_000)}llama3.2","prompt":"x"}`)
      const call = await answer('/api/generate', [], body)
      assert.equal(call.status, 400)
      assert.match(call.received, /"error":"invalid_request/)
      await noneRuns()
    })

    it('is refused: zstd that becomes out of all proportion', async () => {
      const calls = Array.from({ length: 60 }, () =>
        answer('/v1/responses', ['Content-Encoding: zstd', 'Content-Type: application/json'], BLANKS),
      )
      for (const call of await Promise.all(calls)) {
        assert.equal(call.status, 413)
        assert.match(call.received, /"code":"body_too_large"/)
      }
      await noneRuns()
    })

    it('is refused: a zstd block that describes more than a block may hold', async () => {
      const body = zstd(2, [{ size: SEQUENCES.length, content: SEQUENCES }])
      const call = await answer('/v1/responses', ['Content-Encoding: zstd'], body)
      assert.equal(call.status, 400)
      assert.match(call.received, /"code":"invalid_request"/)
      await noneRuns()
    })
  })
}
