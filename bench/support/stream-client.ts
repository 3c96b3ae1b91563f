import { connect } from 'node:net'
import { micros } from './answers.ts'

/** What one read from a socket brought. */
export interface Read {
  readonly at: number
  readonly bytes: Buffer
}

/**
 * One POST over a bare socket. Every read is kept with its time in monotonic microseconds and looked at only
 * afterwards, so that the client costs next to nothing while it measures. Rejects when the connection ends early.
 */
export function readStream(url: string, body: string): Promise<readonly Read[]> {
  const { hostname, port, host, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const reads: Read[] = []
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    socket.on('connect', () => {
      const head = `POST ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json`
      socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    })
    socket.on('data', (bytes) => {
      reads.push({ at: micros(), bytes })
      if (!endsStream(reads)) return
      socket.destroy()
      resolve(reads)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${url}: the connection closed after ${reads.length} reads`)))
  })
}

/** Whether the last five bytes that came are those of the last chunk. */
function endsStream(reads: readonly Read[]): boolean {
  let tail = ''
  for (let index = reads.length - 1; index >= 0 && tail.length < 7; index--) {
    tail = (reads[index]?.bytes.toString('latin1') ?? '') + tail
  }
  return tail.endsWith('\n0\r\n\r\n') || tail.endsWith('\r\n0\r\n\r\n')
}

export interface Arrival {
  readonly line: string
  /** Monotonic microseconds of the read that completed the line. */
  readonly at: number
  /** Which read that was. */
  readonly read: number
}

/** The lines of a chunked answer and when each was there. Throws for an answer that is no 200 or not chunked. */
export function linesOf(reads: readonly Read[]): Arrival[] {
  const whole = Buffer.concat(reads.map(({ bytes }) => bytes))
  const ends: number[] = []
  let length = 0
  for (const { bytes } of reads) {
    length += bytes.length
    ends.push(length)
  }
  const headEnd = whole.indexOf('\r\n\r\n')
  const head = whole.toString('latin1', 0, headEnd)
  if (!/^HTTP\/1\.1 200 /.test(head) || !/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(head)
  const lines: Arrival[] = []
  let carried = ''
  let read = 0
  for (let at = headEnd + 4; ; ) {
    const sizeEnd = whole.indexOf('\r\n', at)
    const size = Number.parseInt(whole.toString('latin1', at, sizeEnd), 16)
    if (!(size > 0)) break
    const dataEnd = sizeEnd + 2 + size
    const pieces = (carried + whole.toString('latin1', sizeEnd + 2, dataEnd)).split('\n')
    carried = pieces.pop() ?? ''
    // A line inside a chunk may have come with an earlier read than the chunk's end; the chunk is what a client sees.
    while (read < ends.length - 1 && (ends[read] ?? 0) < dataEnd) read++
    for (const line of pieces) lines.push({ line, at: reads[read]?.at ?? Number.NaN, read })
    at = dataEnd + 2
  }
  if (carried !== '') throw new Error(`the answer ends inside a line: ${carried}`)
  return lines
}
