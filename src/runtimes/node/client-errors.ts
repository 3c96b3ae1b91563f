import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from './connections.ts'

/** Node's own statuses for what its parser refuses. Everything else is a bad request. */
const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/**
 * What becomes of a connection that fails below HTTP: it is told why where nothing of an answer was sent, and closed,
 * as Node does it by itself. Only a head that takes too long does not end the answer before it.
 */
export function onClientError(connections: Connections<Socket>) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    const { code = '' } = error
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT' && !connections.headOverdue(socket)) return
    if (socket.writable && !connections.isAnswering(socket) && hasAsked(socket))
      tell(socket, STATUS[code] ?? 400)
    socket.destroy(error)
  }
}

/** The head did not come in time, and there is no answer before it. */
export function refuseHead(socket: Socket): void {
  if (socket.writable) tell(socket, 408)
  socket.destroy()
}

/** A browser opens connections in advance, and must not take our words for the answer to what it will ask. */
function hasAsked(socket: Socket): boolean {
  return socket.bytesRead > 0
}

function tell(socket: Socket, status: number): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`)
}
