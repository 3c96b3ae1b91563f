/**
 * Codes of the proxy that ask for a key, or for another one. Asking again with the same key brings the same answer, and
 * the proxy counts the attempts. `too_many_attempts` is for wrong keys alone: a right one is always served.
 */
export const KEY_NEEDED = new Set(['invalid_api_key', 'use_not_allowed', 'too_many_attempts'])

/**
 * The proxy gave something else than the page asked for. `code` is the code of the proxy's error, and `sentence` its
 * sentence for people, if the answer has them.
 */
export class NoAnswer extends Error {
  constructor(code, sentence) {
    super(code)
    this.code = code
    this.sentence = sentence
  }
}

/**
 * Reads server-sent events until the stream ends. EventSource cannot send headers, so fetch is used. The proxy ends
 * lines with "\n" only and sends the data of an event as one line.
 * @param options `onLife` runs whenever something comes, also a comment
 * @param onEvent gets the kind and the data of each event, both as text
 * @throws NoAnswer for an answer that is no event stream; the error of fetch when the connection breaks
 */
export async function readEvents(url, { headers, signal, onLife }, onEvent) {
  const asking = { Accept: 'text/event-stream', ...headers }
  const response = await fetch(url, { headers: asking, signal, cache: 'no-store', redirect: 'error' })
  if (!response.ok || !/^text\/event-stream\b/.test(response.headers.get('content-type') ?? ''))
    throw await problemIn(response)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let unread = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    onLife?.()
    const blocks = (unread + value).split('\n\n')
    unread = blocks.pop()
    for (const block of blocks) {
      const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? []
      if (kind !== undefined) onEvent(kind, data)
    }
  }
}

/** Asks once for JSON. Throws NoAnswer for an error of the proxy, and the error of fetch when the connection breaks. */
export async function readOnce(url, { headers, signal }) {
  const response = await fetch(url, { headers, signal, cache: 'no-store', redirect: 'error' })
  if (!response.ok) throw await problemIn(response)
  return response.json()
}

async function problemIn(response) {
  const { error, message } = await response.json().catch(() => ({}))
  return new NoAnswer(error, message)
}
