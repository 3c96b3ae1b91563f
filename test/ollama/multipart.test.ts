import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formBoundary } from '../../src/ollama/form-header.ts'
import { FormScan } from '../../src/ollama/multipart.ts'
import { edgyForms } from './support/edgy-forms.ts'
import { readAsGo } from './support/go-form.ts'

const REFUSED = { code: 'invalid_form' }

/** Scans a body of Latin-1 letters, `most` steps at a time. */
function scanned(body: string, { boundary = 'b', most = 2 ** 40 } = {}): FormScan {
  const scan = new FormScan(Buffer.from(body, 'latin1'), boundary)
  while (!scan.advance(most));
  return scan
}
const modelIn = (body: string, boundary = 'b') => scanned(body, { boundary }).model

const part = (head: string, content: string, dashed = '--b') => `${dashed}\r\n${head}\r\n\r\n${content}\r\n`
const MODEL = 'Content-Disposition: form-data; name="model"'
const FILE = 'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav'
const END = '--b--\r\n'

describe('the boundary of', () => {
  const TABLE: Record<string, string | undefined> = {
    'multipart/form-data; boundary=abc': 'abc',
    'multipart/form-data; boundary="a b;c"': 'refused',
    'multipart/form-data; boundary="a b:c"': 'a b:c',
    'Multipart/Form-Data; BOUNDARY=abc': 'abc',
    'multipart/form-data ; charset=utf-8 ;boundary=abc; x=y': 'abc',
    'multipart/form-data; x="; boundary=no"; boundary=abc': 'abc',
    [`multipart/form-data; boundary=${'b'.repeat(70)}`]: 'b'.repeat(70),
    [`multipart/form-data; boundary=${'b'.repeat(71)}`]: 'refused',
    'multipart/form-data; boundary = abc': 'refused',
    'multipart/form-data; boundary="a\\"b"': 'refused',
    'multipart/form-data; boundary="abc "': 'refused',
    "multipart/form-data; boundary*=utf-8''abc": 'refused',
    'multipart/form-data; boundary*0=ab; boundary*1=c': 'refused',
    'multipart/form-data; boundary=abc;': 'refused',
    'multipart/form-data; boundary=': 'refused',
    'multipart/form-data; boundary=""': 'refused',
    'multipart/form-data; boundary=a; boundary=a': 'refused',
    'multipart/form-data boundary=a': 'refused',
    'xmultipart/form-data; boundary=abc': 'refused',
    // Go's lower case turns the Turkish I with a dot into an i.
    'mult\xc4\xb0part/form-data; boundary=abc': 'refused',
    'multipart/form-data': undefined,
    'multipart/mixed; boundary=abc': undefined,
    'application/json': undefined,
    '': undefined,
  }
  for (const [type, boundary] of Object.entries(TABLE)) {
    it(`${JSON.stringify(type)} is ${boundary}`, () => {
      if (boundary === 'refused') assert.throws(() => formBoundary(type), REFUSED)
      else assert.equal(formBoundary(type), boundary)
    })
  }
  it('no header is undefined', () => assert.equal(formBoundary(undefined), undefined))
})

describe('the forms of', () => {
  const CLIENTS: Record<string, readonly [boundary: string, body: string]> = {
    curl: [
      '------------------------d74496d66958873e',
      '--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name="file"; filename="a \\"b\\".wav"\r\nContent-Type: application/octet-stream\r\n\r\nRIFF\r\n--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--------------------------d74496d66958873e--\r\n',
    ],
    browsers: [
      '----WebKitFormBoundary7MA4YWxkTrZu0gW',
      '------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name="file"; filename="\xc3\xa4 %22b%22.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n',
    ],
    'requests, with a file name that is not ASCII': [
      'f0e4c2f76c58916ec258f246851bea09',
      '--f0e4c2f76c58916ec258f246851bea09\r\nContent-Disposition: form-data; name="file"; filename*=utf-8\'\'%C3%A4.wav\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--f0e4c2f76c58916ec258f246851bea09\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--f0e4c2f76c58916ec258f246851bea09--\r\n',
    ],
    'httpx, under openai-python': [
      '2f9f3c1b8f6d4c5e',
      '--2f9f3c1b8f6d4c5e\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--2f9f3c1b8f6d4c5e\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/x-wav\r\n\r\nRIFF\r\n--2f9f3c1b8f6d4c5e--\r\n',
    ],
    aiohttp: [
      'b',
      '--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b--\r\n',
    ],
    '.NET': [
      '6f1e3d5c-1b2a',
      "--6f1e3d5c-1b2a\r\nContent-Disposition: form-data; name=file; filename=a.wav; filename*=utf-8''a.wav\r\n\r\nRIFF\r\n--6f1e3d5c-1b2a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=model\r\n\r\nwhisper\r\n--6f1e3d5c-1b2a--\r\n",
    ],
    OkHttp: [
      'b',
      '--b\r\nContent-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 7\r\n\r\nwhisper\r\n--b--\r\n',
    ],
    "Go's mime/multipart": [
      'b',
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a\\\\b.wav"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b--\r\n',
    ],
  }
  for (const [client, [boundary, body]] of Object.entries(CLIENTS)) {
    it(client, () => assert.equal(modelIn(body, boundary), 'whisper'))
  }

  it('undici with FormData, as in browsers', async () => {
    const form = new FormData()
    form.set('file', new Blob(['RIFF\r\n--']), 'ä "b"\n.wav')
    form.set('model', 'whisper')
    form.set('prompt', 'x')
    const request = new Request('http://localhost', { method: 'POST', body: form })
    const boundary = formBoundary(request.headers.get('content-type') ?? undefined) ?? ''
    assert.equal(modelIn(Buffer.from(await request.arrayBuffer()).toString('latin1'), boundary), 'whisper')
  })
})

describe('the model field', () => {
  it('is the first of several', () => {
    assert.equal(modelIn(part(MODEL, 'a') + part(MODEL, 'b') + END), 'a')
    // Bytes after the model change nothing.
    assert.equal(modelIn(`${part(MODEL, 'a')}--b\r\nhello`), 'a')
  })
  it('keeps every byte of its content', () => {
    assert.equal(modelIn(part(MODEL, '') + END), '')
    assert.equal(modelIn(part(MODEL, ' a\r\nb\r\n') + END), ' a\r\nb\r\n')
    assert.equal(modelIn(part(MODEL, '\xef\xbb\xbfa\xc3\xa4') + END), '\ufeffaä')
  })
  it('is undefined in a form without a model', () => {
    assert.equal(modelIn(END), undefined)
    assert.equal(modelIn(part(FILE, 'RIFF') + END + part(MODEL, 'decoy')), undefined)
    for (const head of [
      'Content-Disposition: form-data; name="models"',
      'Content-Disposition: form-data; name="Model"',
      'Content-Disposition: form-data; name="mod\\el"',
      'Content-Disposition: form-data; name="x"; filename="model"',
      'Content-Disposition: form-data; name="x"; y="name=model"',
    ]) {
      assert.equal(modelIn(part(head, 'decoy') + END), undefined, head)
    }
  })
  it('is found behind bytes that only begin like a boundary', () => {
    for (const content of ['x--b\r\n', '\n--b\n', '\r--b\r\n', '\r\r\n-', '\r\n--\r\n--', '\r\n --b\r\n']) {
      assert.equal(
        modelIn(part(FILE, content) + part(MODEL, 'whisper') + END),
        'whisper',
        JSON.stringify(content),
      )
    }
  })
})

describe('a form is refused', () => {
  const head = (text: string) => part(text, 'whisper') + END
  const REFUSALS: Record<string, string> = {
    'without a beginning': '',
    'with a preamble': `hello\r\n${head(MODEL)}`,
    'with lines that end in LF alone': head(MODEL).replaceAll('\r\n', '\n'),
    'with blanks behind a boundary': head(MODEL).replace('--b', '--b '),
    'with a folded head': head('Content-Disposition: form-data;\r\n name="model"'),
    'with a head that begins with a blank': head(` X: y\r\n${MODEL}`),
    'with a bare CR in a head': head(`X: y\r${MODEL}`),
    'with a bare LF in a head': head(`X: y\n${MODEL}`),
    'with a control character in a head': head(`X: \x01\r\n${MODEL}`),
    'with a line that is no header': head(`hello\r\n${MODEL}`),
    'with a blank before a colon': head('Content-Disposition : form-data; name="model"'),
    'with a part without a head': '--b\r\n\r\nwhisper\r\n--b--\r\n',
    'with a part without a disposition': head('Content-Type: text/plain'),
    'with two dispositions in a part': head(`${MODEL}\r\n${MODEL}`),
    'with another disposition': head('Content-Disposition: attachment; name="model"'),
    'with a part without a name': head('Content-Disposition: form-data; filename="model"'),
    'with a name of RFC 2231': head("Content-Disposition: form-data; name*=utf-8''mod%65l"),
    'with a continued name': head('Content-Disposition: form-data; name*0=mo; name*1=del'),
    'with two names': head(`${MODEL}; name="x"`),
    'with spaces around an equals sign': head('Content-Disposition: form-data; name = "model"'),
    'with a name that never closes': head('Content-Disposition: form-data; name="model'),
    'with a name without a value': head('Content-Disposition: form-data; name='),
    'with white space of Unicode': head('Content-Disposition: form-data\xc2\xa0; name="model"'),
    'with a semicolon at the end': head(`${MODEL};`),
    'with a model that is a file': head(`${MODEL}; filename="x"`),
    'with a model that is a file with an encoded name': head(`${MODEL}; filename*=utf-8''x`),
    'with a model that may be a file': head(`${MODEL}; filename=""`),
    'with an encoded model': head(`${MODEL}\r\nContent-Transfer-Encoding: quoted-printable`),
    'with a boundary right behind a head': `--b\r\n${FILE}\r\n\r\n${head(MODEL)}`,
    'with a boundary that goes on': part(FILE, 'x\r\n--bx') + head(MODEL),
    'with a model whose boundary goes on': part(MODEL, 'x\r\n--bx') + END,
    'cut off in a head': `--b\r\n${MODEL}`,
    'cut off in a content': `--b\r\n${MODEL}\r\n\r\nwhisper`,
    'cut off behind a boundary': `--b\r\n${MODEL}\r\n\r\nwhisper\r\n--b`,
    'with a head of more than 64 KiB': head(`X: ${'x'.repeat(64 * 1024)}\r\n${MODEL}`),
    'with more than 100 parameters': head(
      `Content-Disposition: form-data; ${Array.from({ length: 100 }, (_, index) => `x${index}=y; `).join('')}name="model"`,
    ),
    'with more than 100 parts before the model': part(FILE, 'x').repeat(100) + head(MODEL),
    'with a name of more than 64 KiB': part(MODEL, ' '.repeat(64 * 1024 + 1)) + END,
  }
  for (const [how, body] of Object.entries(REFUSALS)) {
    it(how, () => assert.throws(() => modelIn(body), REFUSED))
  }
  it('past these bounds, not at them', () => {
    const parameters = Array.from({ length: 99 }, (_, index) => `x${index}=y; `).join('')
    assert.equal(modelIn(head(`Content-Disposition: form-data; ${parameters}name="model"`)), 'whisper')
    assert.equal(modelIn(head(`X: ${'x'.repeat(64 * 1024 - 100)}\r\n${MODEL}`)), 'whisper')
    assert.equal(modelIn(part(FILE, 'x').repeat(99) + head(MODEL)), 'whisper')
    assert.equal(modelIn(part(MODEL, ' '.repeat(64 * 1024)) + END)?.length, 64 * 1024)
  })
})

describe('forms at the edges of the grammar', () => {
  it('give the same model as in Go, or are refused', () => {
    const seen = { model: 0, none: 0, refused: 0 }
    const check = ({ contentType, body }: { contentType: string; body: string }, most: number): void => {
      let found: string | undefined
      try {
        const boundary = formBoundary(contentType)
        found = boundary === undefined ? undefined : scanned(body, { boundary, most }).model
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'invalid_form')
        seen.refused++
        return
      }
      seen[found === undefined ? 'none' : 'model']++
      const reading = readAsGo(contentType, body)
      // Where Go finds an error, no model runs.
      if ('error' in reading) return
      const go =
        reading.model &&
        new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(reading.model, 'latin1'))
      assert.equal(found ?? '', go ?? '')
    }
    fc.assert(fc.property(edgyForms, fc.integer({ min: 1, max: 50 }), check), { numRuns: 10_000 })
    for (const [verdict, count] of Object.entries(seen)) assert.ok(count > 300, `${verdict}: ${count}`)
  })
})

describe('a form that is hard to read', () => {
  const HARD: Record<string, (bytes: number) => string> = {
    'line ends': (n) => part(FILE, '\r\n'.repeat(n / 2)),
    'bare CRs': (n) => part(FILE, '\r'.repeat(n)),
    'near boundaries': (n) => part(FILE, '\r\n--'.repeat(n / 4)),
    'bytes of the boundary': (n) => part(FILE, 'b'.repeat(n)),
    audio: (n) => part(FILE, 'x'.repeat(n)),
    'wide heads': (n) => part(`X: ${'\\"'.repeat(500)}\r\n${FILE}`, '').repeat(n / 2_000),
    'many parameters': (n) =>
      part(
        `${MODEL}${Array.from({ length: 90 }, (_, index) => `; x${index}="${'\\"'.repeat(n / 1_000)}"`).join('')}`,
        '',
      ),
  }
  for (const [what, make] of Object.entries(HARD)) {
    it(`${what}: twice the size takes twice the steps`, () => {
      const steps = (bytes: number) => scanned(make(bytes) + part(MODEL, 'whisper') + END).steps
      let before = steps(2 ** 14)
      for (const bytes of [2 ** 15, 2 ** 16, 2 ** 17]) {
        const now = steps(bytes)
        assert.ok(now <= 2 * before + 8_000, `${bytes} bytes: ${now} steps after ${before}`)
        before = now
      }
    })

    it(`${what}: no stretch is much longer than requested`, () => {
      const most = 1_000
      const scan = new FormScan(Buffer.from(make(2 ** 17) + part(MODEL, 'whisper') + END), 'b')
      let before = scan.steps
      while (!scan.advance(most)) {
        // A head is read in one piece.
        assert.ok(scan.steps - before <= most + 4 * 64 * 1024, `${scan.steps - before} steps`)
        before = scan.steps
      }
    })
  }

  it('is refused quickly when its head could make a pattern backtrack', () => {
    const much = 60 * 1024
    for (const text of [
      `Content-Disposition: form-data; name=b${' '.repeat(much)}x`,
      `Content-Disposition: form-data; name="${'\\"'.repeat(much / 2)}`,
      `Content-Disposition: form-data; ${'x'.repeat(much)}`,
      `Content-Disposition:${' '.repeat(much)}\x01`,
      `Content-Transfer-Encoding:${' '.repeat(much)}x`,
      `Content-Disposition: form-data; name=b${Array.from({ length: 6_000 }, (_, index) => `; x*${index}=a`).join('')}`,
    ]) {
      assert.throws(() => modelIn(part(text, 'whisper') + END), REFUSED)
    }
    assert.throws(
      () =>
        formBoundary(
          `multipart/form-data${Array.from({ length: 6_000 }, (_, i) => `; x*${i}=a`).join('')}; boundary=b`,
        ),
      REFUSED,
    )
  })
})
