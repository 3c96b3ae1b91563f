import { within } from '../drain.ts'

/** How long the rest of a body is taken in, so that its sender sees our answer before its connection breaks. */
const LINGER_MS = 1_000

/**
 * An answer to a request whose body nobody reads to its end: the last one on its connection. Closed with unread
 * bytes on it, a connection is reset and takes the answer with it, so what still comes is thrown away for a while.
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
      await within(LINGER_MS, discard(reader))
      reader.cancel().catch(() => {})
      // The client may have left in the meantime, and then there is nothing to close any more.
      if (!request.signal.aborted) client.close()
    },
  })
  return new Response(body, { status, statusText, headers })
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client left: there is no rest.
  }
}
