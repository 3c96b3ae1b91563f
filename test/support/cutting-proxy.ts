import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that cuts a connection on which the server is silent for too long, as Cloudflare does, and names itself as Cloudflare does. */
export class CuttingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => this.#sockets.add(socket))
  }

  /** `silenceMs`: a connection without a byte from the server for so long is cut. */
  static async start(serverPort: number, silenceMs: number): Promise<CuttingProxy> {
    const server = createServer((client) => {
      const upstream = connect({ port: serverPort, host: '127.0.0.1' })
      const cut = (): void => {
        clearTimeout(silence)
        client.destroy()
        upstream.destroy()
      }
      const silence = setTimeout(cut, silenceMs)
      // Each request of the test comes in one piece.
      client.on('data', (piece) => {
        upstream.write(piece.toString('latin1').replace('\r\n', '\r\nCF-Ray: 8a1b2c-FRA\r\n'), 'latin1')
      })
      upstream.on('data', (piece) => {
        silence.refresh()
        client.write(piece)
      })
      for (const socket of [client, upstream]) socket.on('close', cut).on('error', cut)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new CuttingProxy(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
