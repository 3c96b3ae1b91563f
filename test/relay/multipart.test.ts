import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { multipartBoundary, multipartField } from '../../src/relay/multipart.ts'

const modelIn = (body: string, boundary = 'b') =>
  multipartField(new TextEncoder().encode(body), boundary, 'model')
const part = (head: string, content: string, dashed = '--b') => `${dashed}\r\n${head}\r\n\r\n${content}\r\n`
const MODEL = 'Content-Disposition: form-data; name="model"'
const FILE = 'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav'
const END = '--b--\r\n'

describe('the boundary of', () => {
  const TABLE: Record<string, string | undefined> = {
    'multipart/form-data; boundary=abc': 'abc',
    'multipart/form-data;boundary="a b;c"': 'a b;c',
    'Multipart/Form-Data; BOUNDARY=abc': 'abc',
    'multipart/form-data; boundary = abc': 'abc',
    'multipart/form-data ; charset=utf-8 ; boundary=abc ; x=y': 'abc',
    'multipart/form-data; x="; boundary=no"; boundary=abc': 'abc',
    'multipart/form-data; boundary="a\\"b\\\\c"': 'a"b\\c',
    'multipart/form-data; boundary="a\\bc"': 'a\\bc',
    "multipart/form-data; boundary*=utf-8''a%62c": 'abc',
    'multipart/form-data; boundary*0=ab; boundary*1="c"': 'abc',
    "multipart/form-data; boundary*0*=utf-8''a%62; boundary*1=c": 'abc',
    'multipart/form-data; boundary=abc;': 'abc',
    'multipart/form-data; boundary=': undefined,
    'multipart/form-data; boundary=""': undefined,
    'multipart/form-data; boundary=a; boundary=b': undefined,
    'multipart/form-data': undefined,
    'multipart/mixed; boundary=abc': undefined,
    'xmultipart/form-data; boundary=abc': undefined,
    'text/plain; x="multipart/form-data; boundary=abc"': undefined,
    '': undefined,
  }
  for (const [type, boundary] of Object.entries(TABLE)) {
    it(JSON.stringify(type), () => assert.equal(multipartBoundary(type), boundary))
  }
  it('no header', () => assert.equal(multipartBoundary(undefined), undefined))
})

describe('the model field', () => {
  it('is found before and after a file', () => {
    assert.equal(modelIn(part(MODEL, 'whisper') + part(FILE, 'RIFF') + END), 'whisper')
    assert.equal(modelIn(part(FILE, 'RIFF') + part(MODEL, 'whisper') + END), 'whisper')
  })
  it('is the first of several', () => {
    assert.equal(modelIn(part(MODEL, 'a') + part(MODEL, 'b') + END), 'a')
  })
  it('is not a file of that name, but may have an empty filename', () => {
    const file = `${MODEL}; filename="x"`
    assert.equal(modelIn(part(file, 'decoy') + part(MODEL, 'whisper') + END), 'whisper')
    assert.equal(
      modelIn(part(`${MODEL}; filename*=utf-8''x`, 'decoy') + part(MODEL, 'whisper') + END),
      'whisper',
    )
    assert.equal(modelIn(part(file, 'decoy') + END), undefined)
    assert.equal(modelIn(part(`${MODEL}; filename=""`, 'whisper') + END), 'whisper')
  })
  it('may be written in any way that a form reader takes', () => {
    for (const head of [
      'content-disposition:form-data;name=model',
      'CONTENT-DISPOSITION: FORM-DATA; NAME="model"',
      'Content-Type: text/plain\r\nContent-Disposition: form-data; name="model"',
      'Content-Disposition: form-data;\r\n name="model"',
      'Content-Disposition: form-data; x="; name=no"; name = "model"',
      "Content-Disposition: form-data; name*=utf-8''mod%65l",
      'Content-Disposition: form-data; name*0=mo; name*1=del',
    ]) {
      assert.equal(modelIn(part(head, 'whisper') + END), 'whisper', head)
    }
  })
  it('is not a part that only resembles it', () => {
    for (const head of [
      'Content-Disposition: form-data; name="models"',
      'Content-Disposition: form-data; name="Model"',
      'Content-Disposition: attachment; name="model"',
      'Content-Disposition: form-data; filename="model"',
      'Content-Disposition: form-data; x="name=model"',
      'X-Content-Disposition: form-data; name="model"',
      'Content-Type: x; name="model"',
    ]) {
      assert.equal(modelIn(part(head, 'decoy') + END), undefined, head)
    }
  })
  it('is not found in content that looks like a boundary', () => {
    const note = 'Content-Disposition: form-data; name="prompt"'
    for (const content of [
      `x--b\r\n${MODEL}\r\n\r\ndecoy`,
      `\r\n--bb\r\n${MODEL}\r\n\r\ndecoy`,
      `\r\n--b-\r\n${MODEL}\r\n\r\ndecoy`,
      `\n--b\n${MODEL}\r\n\r\ndecoy`,
      `\r--b\r\n${MODEL}\r\n\r\ndecoy`,
      ` --b\r\n${MODEL}\r\n\r\ndecoy`,
    ]) {
      assert.equal(modelIn(part(note, content) + part(MODEL, 'whisper') + END), 'whisper', content)
    }
  })
  it('is not found in the preamble nor behind the end', () => {
    assert.equal(modelIn(`hello x${part(MODEL, 'decoy')}${part(MODEL, 'whisper')}${END}`), 'whisper')
    assert.equal(modelIn(part(FILE, 'RIFF') + END + part(MODEL, 'decoy')), undefined)
  })
  it('may end its lines in LF alone, if the first boundary does', () => {
    const body = (part(FILE, 'RIFF') + part(MODEL, 'whisper') + END).replaceAll('\r\n', '\n')
    assert.equal(modelIn(body), 'whisper')
    assert.equal(modelIn(part(MODEL, 'whisper').replace(`${MODEL}\r\n\r\n`, `${MODEL}\n\n`) + END), 'whisper')
  })
  it('may have blanks after its boundary, and no line end before an immediate one', () => {
    assert.equal(modelIn(part(MODEL, 'whisper').replace('--b', '--b \t') + END), 'whisper')
    assert.equal(modelIn(`--b\r\n${FILE}\r\n\r\n${part(MODEL, 'whisper')}${END}`), 'whisper')
  })
  it('may be encoded as quoted-printable', () => {
    const head = `${MODEL}\r\nContent-Transfer-Encoding: Quoted-Printable`
    assert.equal(modelIn(part(head, 'wh=69sp=\r\ner') + END), 'whisper')
    assert.equal(modelIn(part(MODEL, 'wh=69sper') + END), 'wh=69sper')
  })
  it('keeps every byte of its content', () => {
    assert.equal(modelIn(part(MODEL, '') + END), '')
    assert.equal(modelIn(part(MODEL, ' a\r\nb\r\n') + END), ' a\r\nb\r\n')
    assert.equal(modelIn(part(MODEL, `${' '.repeat(50_000)}whisper`) + END)?.trim(), 'whisper')
  })
  it('is read from a body that stops early, and missing where nothing is', () => {
    assert.equal(modelIn(`--b\r\n${MODEL}\r\n\r\nwhisper`), 'whisper')
    for (const body of [
      '',
      '--b',
      '--b--',
      '--b\r\n',
      `--b\r\n${MODEL}`,
      `--b\r\n${MODEL}\r\n`,
      'x',
      '--c\r\n',
    ]) {
      assert.equal(modelIn(body) || undefined, undefined, body)
    }
  })
  it('stands random forms', () => {
    const pieces = fc.array(
      fc.constantFrom('--b', '\r\n', '\n', MODEL, FILE, ';', 'x', '"', '--', '=', ':', ' '),
      {
        maxLength: 40,
      },
    )
    fc.assert(
      fc.property(pieces, (text) => void modelIn(text.join(''))),
      { numRuns: 2_000 },
    )
  })
  it('is found behind megabytes of near boundaries in linear time', () => {
    const started = performance.now()
    for (const noise of ['\r\n--', '\r\n--bb', '\r\n', '--b', '\n--b\n']) {
      const body = part(FILE, `x${noise.repeat((4 * 2 ** 20) / noise.length)}`) + part(MODEL, 'whisper') + END
      assert.equal(modelIn(body), 'whisper')
    }
    const wide = `Content-Disposition: form-data; x="${'\\"'.repeat(2 ** 20)}"; name="model"`
    assert.equal(modelIn(part(wide, 'whisper') + END), 'whisper')
    const many = Array.from({ length: 100_000 }, (_, index) => `x${index}=y`).join('; ')
    assert.equal(
      modelIn(part(`Content-Disposition: form-data; ${many}; name=model`, 'whisper') + END),
      'whisper',
    )
    assert.ok(performance.now() - started < 5_000)
  })
})
