/** The figures are in the last few hundred bytes of an answer. */
const TAIL_BYTES = 2048

/** No model has a context of this size. A higher number is ignored: it would stay in the counters for ever. */
const MOST_TOKENS = 1e9

export interface Figures {
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  /** Milliseconds that Ollama loaded the model or waited for it, at most what the call took. 0: not in the answer. */
  readonly loadMs: number
  /** The answer ended in Ollama's error line: the model broke after Ollama had sent the status. */
  readonly failed: boolean
}

/** The figures are ASCII, so a letter that two chunks share does not matter. */
const utf8 = new TextDecoder()

/** Keeps the end of an answer while the answer streams through, and finds the figures when the answer is over. */
export class AnswerTail {
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

  /** Token counts and load time, in any dialect. `tookMs`: how long Ollama had the call. */
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

/** The last integer under a key. A key inside a string has escaped quotes and does not match. */
function lastNumber(text: string, key: string): number | undefined {
  const quoted = `"${key}":`
  const at = text.lastIndexOf(quoted)
  if (at < 0) return undefined
  const digits = /^\s*(\d+)/.exec(text.slice(at + quoted.length, at + quoted.length + 24))?.[1]
  return digits === undefined ? undefined : Number(digits)
}
