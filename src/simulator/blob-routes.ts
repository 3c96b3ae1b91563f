import { createHash } from 'node:crypto'
import { GIN_JSON } from './answer-format.ts'
import type { Handler } from './simulated-ollama.ts'
import { WireError } from './wire-error.ts'

/** The digest at the end of the path. `sha256-` and `sha256:` name the same blob. Throws WireError 400. */
function digestOf(path: string): string {
  const given = path.slice(path.lastIndexOf('/') + 1)
  if (!/^sha256[:-][0-9a-fA-F]{64}$/.test(given)) throw new WireError(400, 'invalid digest format')
  return given.replace('-', ':').toLowerCase()
}

export const head: Handler = (exchange, ollama) => {
  const digest = digestOf(exchange.path)
  if (ollama.blobs.has(digest)) return exchange.answer(200, undefined, '')
  exchange.answer(404, GIN_JSON, JSON.stringify({ error: `blob ${JSON.stringify(digest)} not found` }))
}

export const post: Handler = async (exchange, ollama) => {
  const digest = digestOf(exchange.path)
  if (ollama.blobs.has(digest)) return exchange.answerUnread(200)
  const sha = createHash('sha256')
  if (!(await exchange.readBody((chunk) => void sha.update(chunk)))) return
  const got = `sha256:${sha.digest('hex')}`
  if (got !== digest) {
    throw new WireError(
      400,
      `digest mismatch, expected ${JSON.stringify(digest)}, got ${JSON.stringify(got)}`,
    )
  }
  ollama.blobs.add(digest)
  exchange.answer(201, undefined, '')
}
