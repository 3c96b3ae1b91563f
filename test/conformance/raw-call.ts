import { connect, type Socket } from 'node:net'

/** Of what was sent: enough for the first line of a request. Bodies may be as large as 100 MiB. */
const MOST_KEPT = 4_096

/** A client on a bare socket: sends what it is told and can leave in any way at any moment. */
export class RawCall {
  /** Told of every call whose connection is closed. */
  static onClose: (call: RawCall) => void = () => {}
  readonly port: number
  readonly socket: Socket
  #sent = ''
  #received = ''
  #closed = false

  constructor(port: number) {
    this.port = port
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.setNoDelay(true)
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text) => {
      this.#received += text
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.#closed = true
      RawCall.onClose(this)
    })
  }

  /** The beginning of what was sent. */
  get sent(): string {
    return this.#sent
  }

  get received(): string {
    return this.#received
  }

  get closed(): boolean {
    return this.#closed
  }

  get status(): number {
    return Number(/^HTTP\/1\.[01] (\d{3})/.exec(this.#received)?.[1] ?? 0)
  }

  send(text: string): void {
    if (this.#sent.length < MOST_KEPT) this.#sent += text.slice(0, MOST_KEPT)
    this.socket.write(text, 'latin1')
  }

  post(path: string, body: string, version = '1.1'): void {
    this.send(head(path, Buffer.byteLength(body), version) + body)
  }

  /** FIN, as a program that ends its connection, or RST, as one that dies. */
  leave(how: 'fin' | 'rst'): void {
    if (how === 'fin') this.socket.destroy()
    else this.socket.resetAndDestroy()
  }
}

export function head(path: string, length: number, version = '1.1'): string {
  return [
    `POST ${path} HTTP/${version}`,
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${length}`,
    '',
    '',
  ].join('\r\n')
}
