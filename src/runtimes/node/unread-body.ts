import type { IncomingMessage, ServerResponse } from 'node:http'
import { DISCARD_MS, SILENT_MS } from '../process/refused-body.ts'

/**
 * Lets a client whose body is refused send the rest of it, so that it comes to read the answer. Many clients read
 * nothing before they have sent everything, and a connection that is closed on unread bytes is reset, which takes the
 * answer with it. Node closes the connection of a client that asked for it right behind the answer, so that is put off.
 */
export function discardRest(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { socket } = incoming
  const closesAfterwards = !outgoing.shouldKeepAlive
  outgoing.shouldKeepAlive = true
  let seen = -1
  let left = DISCARD_MS / SILENT_MS
  const looking = setInterval(() => {
    left--
    if (left === 0 || socket.bytesRead === seen) socket.destroy()
    seen = socket.bytesRead
  }, SILENT_MS)
  looking.unref()
  const forget = (): void => clearInterval(looking)
  socket.once('close', forget)
  incoming.once('end', () => {
    forget()
    socket.off('close', forget)
    if (!closesAfterwards) return
    if (outgoing.writableFinished) socket.destroySoon()
    else outgoing.once('finish', () => socket.destroySoon())
  })
  incoming.unpipe()
  incoming.resume()
}
