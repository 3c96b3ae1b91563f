import { DISCARD_MS, SILENT_MS, within } from '../process/drain.ts'

/**
 * Gives an answer to a request whose body was not read to its end, and closes the connection afterwards. Closing a
 * connection with unread bytes resets the connection and loses the answer. So the rest of the body is discarded first,
 * for a limited time.
 */
export async function lastAnswer(answer: Response, request: Request): Promise<Response> {
  const { status, statusText, headers } = answer
  headers.set('Connection', 'close')
  if (request.body === null || request.body.locked) return answer
  const reader = request.body.getReader()
  const bytes = new Uint8Array(await answer.arrayBuffer())
  headers.set('Content-Length', String(bytes.length))
  const body = new ReadableStream({
    async start(client) {
      client.enqueue(bytes)
      await discard(reader)
      reader.cancel().catch(() => {})
      // Once the client has left, there is nothing to close.
      if (!request.signal.aborted) client.close()
    },
  })
  return new Response(body, { status, statusText, headers })
}

/** Discards the rest of a body until its end, until SILENT_MS without a byte, or until DISCARD_MS have passed. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let pieces = 0
  const end = toEnd(reader, () => pieces++)
  for (let waitedMs = 0; waitedMs < DISCARD_MS; waitedMs += SILENT_MS) {
    const before = pieces
    if ((await within(SILENT_MS, end)) || pieces === before) return
  }
}

async function toEnd(reader: ReadableStreamDefaultReader<Uint8Array>, onPiece: () => void): Promise<void> {
  try {
    while (!(await reader.read()).done) onPiece()
  } catch {
    // The client left: there is no rest.
  }
}
