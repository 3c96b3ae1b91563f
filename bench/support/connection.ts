import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const AT_ONCE = 250

/** Opens so many connections and sends `request` on each. They stay open. */
export async function openConnections(url: string, count: number, request: string): Promise<Socket[]> {
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () =>
      connect({ host: hostname, port: Number(port) }),
    )
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    for (const socket of some) socket.write(request)
    sockets.push(...some)
  }
  return sockets
}

/** `headers`: further lines, each with its line break. */
export function requestText(
  url: string,
  method: 'GET' | 'POST',
  target: string,
  body = '',
  headers = '',
): string {
  const head = `${method} ${target} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${headers}`
  const length =
    body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  return `${head}${length}\r\n${body}`
}

/** Resolves with the first answer on a socket as text, once its announced length is there. */
export function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
      if (head >= 0 && text.length >= head + 4 + Number(length ?? 0)) resolve(text)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection closed before its answer')))
  })
}
