import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerParser } from '../../../src/runtimes/bun/answer-parser.ts'

const latin1 = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

/** Feeds an answer in pieces of so many bytes; what was heard of it, a line each. */
function parse(answer: string, { piece = answer.length, method = 'POST' } = {}) {
  const heard: string[] = []
  const parser = new AnswerParser(method, {
    head: (status, text, headers, length) =>
      heard.push(`head ${status} ${text} ${length} ${headers.join('|')}`),
    data: (part) => heard.push(Buffer.from(part).toString('latin1')),
    end: () => heard.push('end'),
  })
  const bytes = latin1(answer)
  for (let at = 0; at < bytes.length; at += piece) parser.feed(bytes.subarray(at, at + piece))
  return { parser, heard }
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nX-Odd: a, b\r\nTransfer-Encoding: chunked\r\n\r\n'
const SIZED = 'HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\n'

describe('an answer on a connection', () => {
  it('in chunks is told chunk for chunk, with its headers as they were spelled', () => {
    const { heard, parser } = parse(`${CHUNKED}3\r\none\r\n5;ext=1\r\nt\r\nwo\r\n0\r\nX-Trailer: 1\r\n\r\n`)
    assert.deepEqual(heard, [
      'head 200 OK undefined X-Odd|a, b|Transfer-Encoding|chunked',
      'one',
      't\r\nwo',
      'end',
    ])
    assert.ok(parser.over && parser.keepAlive)
  })

  it('of an announced length is over with its last byte', () => {
    assert.deepEqual(parse(`${SIZED}hello`).heard, ['head 404 Not Found 5 content-length|5', 'hello', 'end'])
  })

  for (const answer of [
    `${CHUNKED}3\r\none\r\na\r\n0123456789\r\n0\r\n\r\n`,
    `${SIZED}hello`,
    `HTTP/1.1 100 Continue\r\n\r\n${SIZED}hello`,
    `${CHUNKED}0\r\n\r\n`,
  ]) {
    it(`means the same byte by byte: ${JSON.stringify(answer)}`, () => {
      const [head, ...rest] = parse(answer).heard
      const slow = parse(answer, { piece: 1 }).heard
      assert.equal(slow[0], head)
      assert.equal(slow.slice(1).join(''), rest.join(''))
    })
  }

  it('may have 256 KiB of headers, in whatever pieces, and no more', () => {
    const answer = (bytes: number) =>
      `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ${'a'.repeat(bytes)}\r\n\r\nok`
    for (const piece of [7, 1_000, 64 * 1024, 512 * 1024])
      assert.deepEqual(parse(answer(250_000), { piece }).heard.slice(1), ['ok', 'end'])
    for (const piece of [1_000, 512 * 1024])
      assert.throws(() => parse(answer(270_000), { piece }), /headers too large/)
  })

  it('without a length ends with the connection, which is of no more use', () => {
    const { heard, parser } = parse('HTTP/1.1 200 OK\r\n\r\nhello')
    assert.equal(parser.over, false)
    assert.equal(parser.closed(), true)
    assert.deepEqual(heard.slice(1), ['hello', 'end'])
    assert.equal(parser.keepAlive, false)
  })

  for (const [what, answer, method] of [
    ['to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n', 'HEAD'],
    ['of status 204', 'HTTP/1.1 204 No Content\r\n\r\n', 'POST'],
    ['of status 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 17\r\n\r\n', 'GET'],
    ['of length 0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'GET'],
  ] as const) {
    it(`${what} has no body`, () => {
      const { heard } = parse(answer, { method })
      assert.equal(heard.length, 2)
      assert.equal(heard[1], 'end')
    })
  }

  it('is not over when the connection closes in the middle of it', () => {
    for (const cut of [CHUNKED, `${CHUNKED}3\r\non`, `${SIZED}hel`, 'HTTP/1.1 200', ''])
      assert.equal(parse(cut).parser.closed(), false, cut)
  })

  for (const [headers, version, keeps] of [
    ['', '1.1', true],
    ['Connection: close\r\n', '1.1', false],
    ['', '1.0', false],
    ['Connection: keep-alive\r\n', '1.0', true],
  ] as const) {
    it(`of HTTP/${version} ${headers.trim() || 'without a word'} ${keeps ? 'keeps' : 'ends'} its connection`, () => {
      const { parser } = parse(`HTTP/${version} 200 OK\r\n${headers}Content-Length: 0\r\n\r\n`)
      assert.equal(parser.keepAlive, keeps)
    })
  }

  for (const [what, answer] of [
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nbad\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['a chunk without a size', `${CHUNKED}zz\r\n`],
    ['a chunk longer than its size', `${CHUNKED}2\r\nabc\r\n`],
    ['a chunk size ended by a bare LF', `${CHUNKED}2\nab\r\n`],
    ['bytes after its end', `${SIZED}hello!`],
    ['headers without an end', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(270_000)}`],
    ['a chunk size without an end', `${CHUNKED}${'0'.repeat(70_000)}`],
    ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ] as const) {
    it(`with ${what} is none`, () => {
      assert.throws(() => parse(answer))
    })
  }
})
