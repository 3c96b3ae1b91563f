/**
 * An upstream that does as little as HTTP/1.1 allows: it finds the end of a request and writes canned bytes, so that
 * what is measured is what stands in front of it. Run as a process of its own; prints its URL.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { WHOLE_ANSWER } from './answers.ts'
import { Pacer } from './pacer.ts'

const JSON_HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n'
const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n'

const WHOLE = sized(WHOLE_ANSWER)
const VERSION = sized('{"version":"0.0.0"}')
const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

const pacer = new Pacer(framed)
const stalled: Socket[] = []

const server = createServer({ noDelay: true }, (socket) => {
  let pending: Buffer | undefined
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    let bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk])
    for (;;) {
      const end = requestEnd(bytes)
      if (end < 0) break
      answer(bytes, socket)
      bytes = bytes.subarray(end)
    }
    pending = bytes.length === 0 ? undefined : bytes
  })
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`http://127.0.0.1:${port}\n`)
})

function answer(request: Buffer, socket: Socket): void {
  const line = request.toString('latin1', 0, 64)
  if (line.startsWith('POST /api/generate ')) socket.write(WHOLE)
  else if (line.startsWith('POST /api/chat?paced=')) {
    socket.write(STREAM_HEAD)
    pacer.add(socket, Number(/paced=(\d+)/.exec(line)?.[1]))
  } else if (line.startsWith('POST /api/generate?stalled ')) stalled.push(socket)
  else if (line.startsWith('POST /release ')) {
    for (const one of stalled.splice(0)) one.write(WHOLE)
    socket.write(WHOLE)
  } else if (line.startsWith('GET /api/version ')) socket.write(VERSION)
  else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
}

/** Index after the first whole request in these bytes; -1 when there is none yet. */
function requestEnd(bytes: Buffer): number {
  const head = bytes.indexOf(HEAD_END)
  if (head < 0) return -1
  const text = bytes.toString('latin1', 0, head)
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
  if (length !== undefined) {
    const end = head + 4 + Number(length)
    return end <= bytes.length ? end : -1
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(text)) return head + 4
  const last = bytes.indexOf(LAST_CHUNK, head + 4)
  return last < 0 ? -1 : last + LAST_CHUNK.length
}

function sized(body: string): Buffer {
  return Buffer.from(`${JSON_HEAD}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function framed(line: string): string {
  return `${Buffer.byteLength(line).toString(16)}\r\n${line}\r\n`
}
