import { DISCARD_MS, SILENT_MS, within } from '../process/drain.ts'

/**
 * An answer to a request whose body nobody reads to its end: the last one on its connection. Closed with unread
 * bytes on it, a connection is reset and takes the answer with it. So what still comes is thrown away for a while.
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
      // The client may have left in the meantime, and then there is nothing to close any more.
      if (!request.signal.aborted) client.close()
    },
  })
  return new Response(body, { status, statusText, headers })
}

/** Throws away what comes, until its end, until nothing comes any more, or until it has taken too long. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let pieces = 0
  const end = toEnd(reader, () => pieces++)
  for (let left = DISCARD_MS / SILENT_MS; left > 0; left--) {
    const seen = pieces
    if ((await within(SILENT_MS, end)) || pieces === seen) return
  }
}

async function toEnd(reader: ReadableStreamDefaultReader<Uint8Array>, onPiece: () => void): Promise<void> {
  try {
    while (!(await reader.read()).done) onPiece()
  } catch {
    // The client left: there is no rest.
  }
}
