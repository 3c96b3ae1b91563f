import type { IncomingMessage, ServerResponse } from 'node:http'
import { DISCARD_MS, SILENT_MS } from '../process/drain.ts'

/**
 * Reads and discards the rest of a refused body, so that the client gets the answer. Many clients read nothing before
 * they have sent everything, and closing a connection with unread bytes resets the connection and loses the answer.
 * Where the connection is to close after the answer, Node would close at once, so the close waits for the rest.
 */
export function discardRest(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { socket } = incoming
  const closesAfterAnswer = !outgoing.shouldKeepAlive
  outgoing.shouldKeepAlive = true
  let bytesBefore = -1
  let checksLeft = DISCARD_MS / SILENT_MS
  const checks = setInterval(() => {
    checksLeft--
    if (checksLeft === 0 || socket.bytesRead === bytesBefore) socket.destroy()
    bytesBefore = socket.bytesRead
  }, SILENT_MS)
  checks.unref()
  const stopChecks = (): void => clearInterval(checks)
  socket.once('close', stopChecks)
  incoming.once('end', () => {
    stopChecks()
    socket.off('close', stopChecks)
    if (!closesAfterAnswer) return
    if (outgoing.writableFinished) socket.destroySoon()
    else outgoing.once('finish', () => socket.destroySoon())
  })
  incoming.unpipe()
  incoming.resume()
}
