/** Bytes from the end of an answer that are kept: the figures stand in its last few hundred. */
const TAIL_BYTES = 2048

/** A higher number is no count of tokens: no model has such a context, and it would stay in the counters for good. */
const MOST_TOKENS = 1e9

export interface Figures {
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  /** Milliseconds that Ollama spent loading the model or waiting for it, 0 when it does not say. Never more than the call took. */
  readonly loadMs: number
  /** The answer ended in Ollama's own error line: its status had gone out before the model broke. */
  readonly failed: boolean
}

/** The figures are ASCII; a letter that the cut went through does not matter. */
const utf8 = new TextDecoder()

/** The end of an answer, kept while it streams by, read once when it is over. */
export class Tail {
  #chunks: Uint8Array[] = []
  #bytes = 0

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    let first = this.#chunks[0]
    while (first && this.#bytes - first.length >= TAIL_BYTES) {
      this.#bytes -= first.length
      this.#chunks.shift()
      first = this.#chunks[0]
    }
  }

  /** Whether the answer stopped in the middle of a line. */
  get midLine(): boolean {
    const last = this.#chunks.at(-1)?.at(-1)
    return last !== undefined && last !== 0x0a
  }

  /**
   * Token counts and load time from the last chunk, in whichever dialect it is written. `tookMs`: how long Ollama had the
   * call.
   */
  figures(tookMs: number): Figures {
    let text = ''
    for (const chunk of this.#chunks) {
      text += utf8.decode(chunk.length > TAIL_BYTES ? chunk.subarray(-TAIL_BYTES) : chunk)
    }
    return {
      tokensIn:
        lastCount(text, 'prompt_eval_count') ??
        lastCount(text, 'prompt_tokens') ??
        lastCount(text, 'input_tokens') ??
        null,
      tokensOut:
        lastCount(text, 'eval_count') ??
        lastCount(text, 'completion_tokens') ??
        lastCount(text, 'output_tokens') ??
        null,
      loadMs: Math.min((lastNumber(text, 'load_duration') ?? 0) / 1e6, tookMs),
      failed: /(?:^|\n)\{"error":[^\n]*\n$/.test(text),
    }
  }
}

function lastCount(text: string, key: string): number | undefined {
  const number = lastNumber(text, key)
  return number !== undefined && number <= MOST_TOKENS ? number : undefined
}

/** The last integer that stands under a key; keys inside strings are written with escaped quotes and do not match. */
function lastNumber(text: string, key: string): number | undefined {
  const quoted = `"${key}":`
  const at = text.lastIndexOf(quoted)
  if (at < 0) return undefined
  const digits = /^\s*(\d+)/.exec(text.slice(at + quoted.length, at + quoted.length + 24))?.[1]
  return digits === undefined ? undefined : Number(digits)
}
