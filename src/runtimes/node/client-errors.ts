import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from './connections.ts'

/** Node's own statuses for the errors of its parser. Every other error is a bad request. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/**
 * Handles a connection that fails below HTTP as Node does by itself: sends a status if no answer has begun, and closes
 * the connection. One difference: a head that takes too long does not end the answer before that head.
 */
export function onClientError(connections: Connections<Socket>) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    const { code = '' } = error
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT' && !connections.headOverdue(socket)) return
    if (socket.writable && !connections.isAnswering(socket) && hasSent(socket))
      sendStatus(socket, STATUS_BY_CODE[code] ?? 400)
    socket.destroy(error)
  }
}

/** Closes a connection whose request head did not come in time. No answer may be on its way on the connection. */
export function refuseHead(socket: Socket): void {
  if (socket.writable) sendStatus(socket, 408)
  socket.destroy()
}

/** A browser opens connections in advance. It would take our status for the answer to its next request. */
function hasSent(socket: Socket): boolean {
  return socket.bytesRead > 0
}

function sendStatus(socket: Socket, status: number): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`)
}
