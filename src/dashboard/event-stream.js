/** The proxy's answer is no event stream. `code` is the code of the proxy's error, if the answer has one. */
export class NoStream extends Error {
  constructor(code) {
    super(code)
    this.code = code
  }
}

/**
 * Reads server-sent events until the stream ends. EventSource cannot send headers, so fetch is used. The proxy ends
 * lines with "\n" only and sends the data of an event as one line.
 * @param onEvent gets the kind and the data of each event, both as text
 * @throws NoStream for an answer that is no event stream; the error of fetch when the connection breaks
 */
export async function readEvents(url, { headers, signal }, onEvent) {
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
      if (kind !== undefined) onEvent(kind, data)
    }
  }
}
