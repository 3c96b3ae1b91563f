import { Decompress } from 'fzstd'
import type { Clock } from '../clock.ts'

/** Ollama's own bound on a decoded body. */
const MAX_DECODED_BYTES = 20 * 1024 * 1024

/** Compressed bytes that are decoded in one go; a few can expand to a whole block of 128 KiB each. */
const SLICE_BYTES = 16 * 1024

/**
 * Decodes a zstd body so that its model can be read; the compressed bytes are what goes on to Ollama.
 * Undefined when it cannot be decoded or is larger than Ollama takes: Ollama refuses it in its own words.
 */
export async function decodeZstd(body: Uint8Array, clock: Clock): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let size = 0
  const stream = new Decompress((part) => {
    size += part.length
    if (size > MAX_DECODED_BYTES) throw new RangeError('decoded body is too large')
    parts.push(part)
  })
  try {
    for (let at = 0; at < body.length; at += SLICE_BYTES) {
      const last = at + SLICE_BYTES >= body.length
      stream.push(body.subarray(at, at + SLICE_BYTES), last)
      if (!last) await nextTurn(clock)
    }
  } catch {
    return undefined
  }
  const decoded = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    decoded.set(part, at)
    at += part.length
  }
  return decoded
}

/** Lets other calls run between two slices. */
function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}
