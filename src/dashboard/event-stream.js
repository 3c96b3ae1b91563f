/** The answer of a proxy that takes no listener now. `code` is the proxy's own, where there is one. */
export class NoStream extends Error {
  constructor(code) {
    super(code)
    this.code = code
  }
}

/**
 * Reads server-sent events until their end, as EventSource does, which cannot send a header. Our proxy ends lines
 * with "\n" alone and sends each event's data as one line.
 * @param told by each event: its kind, and what it carries as text
 * @throws NoStream for an answer that is no event stream; what fetch throws when the connection breaks
 */
export async function readEvents(url, { headers, signal }, told) {
  const response = await fetch(url, { headers, signal, cache: 'no-store', redirect: 'error' })
  if (!response.ok || !/^text\/event-stream\b/.test(response.headers.get('content-type') ?? '')) {
    const { error } = await response.json().catch(() => ({}))
    throw new NoStream(error)
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let unread = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (unread + value).split('\n\n')
    unread = blocks.pop()
    for (const block of blocks) {
      const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
      if (kind !== undefined) told(kind, data)
    }
  }
}
