import { Decompress } from 'fzstd'
import type { Clock } from '../clock.ts'
import { Failure } from './failure.ts'
import { readFrame, type ZstdFrame } from './zstd-frame.ts'

/** Ollama's own bounds: of a decoded body, and of the window that a frame may ask for. */
const MAX_DECODED_BYTES = 20 * 2 ** 20
const MAX_WINDOW_BYTES = 8 * 2 ** 20

/**
 * The decoder shifts its whole window at each block, so a block costs its window, and a few bytes can ask for a
 * large one. A turn and a body are bounded by that; bodies that were compressed to be smaller stay far below.
 */
const TURN_COST_BYTES = 16 * 2 ** 20
const BODY_COST_BYTES = 2 * 2 ** 30

/**
 * Decodes a zstd body so that its model can be read; the compressed bytes are what goes on to Ollama.
 * Undefined when it cannot be decoded or is larger than Ollama takes: Ollama refuses it in its own words.
 * Throws Failure body_too_large when decoding it would cost out of all proportion.
 */
export async function decodeZstd(body: Uint8Array, clock: Clock): Promise<Uint8Array | undefined> {
  const frames: ZstdFrame[] = []
  let cost = 0
  for (let at = 0; at < body.length; ) {
    const frame = readFrame(body, at, BODY_COST_BYTES - cost)
    if (frame === undefined || frame.windowBytes > MAX_WINDOW_BYTES) return undefined
    cost += frame.costBytes
    if (cost > BODY_COST_BYTES) throw new Failure('body_too_large')
    frames.push(frame)
    at = frame.end
  }
  const decoded = new Decoded()
  try {
    for (const frame of frames) await decodeFrame(body, frame, decoded, clock)
  } catch {
    return undefined
  }
  return decoded.bytes()
}

async function decodeFrame(
  body: Uint8Array,
  frame: ZstdFrame,
  decoded: Decoded,
  clock: Clock,
): Promise<void> {
  const stream = new Decompress((part) => decoded.add(part))
  let from = frame.start
  let cost = 0
  for (const blockEnd of frame.blockEnds) {
    cost += frame.blockCostBytes
    if (cost < TURN_COST_BYTES) continue
    stream.push(body.subarray(from, blockEnd))
    from = blockEnd
    cost = 0
    await nextTurn(clock)
  }
  if (frame.blockEnds.length > 0) stream.push(body.subarray(from, frame.end), true)
}

class Decoded {
  readonly #parts: Uint8Array[] = []
  #size = 0

  add(part: Uint8Array): void {
    this.#size += part.length
    if (this.#size > MAX_DECODED_BYTES) throw new RangeError('decoded body is too large')
    this.#parts.push(part)
  }

  bytes(): Uint8Array {
    const whole = new Uint8Array(this.#size)
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}

/** Lets other calls run between two slices. */
function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}
