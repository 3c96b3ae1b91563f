import type { IncomingBody } from '../../relay/incoming-body.ts'

/** Reads a stream to its end into `body`. @throws the reason for which `body` stops, or the error of the stream. */
export async function readStream(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  body: IncomingBody,
): Promise<Uint8Array> {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return body.whole()
    const stop = body.add(value)
    if (stop !== undefined) throw stop
    const turn = body.turn()
    if (turn !== undefined) await turn
  }
}
