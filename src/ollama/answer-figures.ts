/** The figures are in the last few hundred bytes of an answer. */
const TAIL_BYTES = 2048

/** No model has a context of this size. A higher number is ignored: it would stay in the counters for ever. */
const MOST_TOKENS = 1e9

/** No call takes so many nanoseconds: 1e7 seconds are four months. */
const MOST_NANOSECONDS = 1e16

/**
 * Token counts in the usage of an answer of OpenAI's and Anthropic's routes. Ollama writes the counts at the beginning of
 * the usage, so the first one behind `"usage":` is Ollama's, whatever else the answer repeats of the request.
 */
const USAGE = '"usage":'
const USAGE_IN = /"(?:prompt|input)_tokens":\s*(\d+)/
const USAGE_OUT = /"(?:completion|output)_tokens":\s*(\d+)/

export interface Figures {
  readonly tokensIn: number | null
  readonly tokensOut: number | null
  /** Milliseconds that Ollama loaded the model or waited for it, at most what the call took. 0: not in the answer. */
  readonly loadMs: number
  /** Milliseconds from Ollama's receipt of the request to the end of the answer. Null: not a native answer. */
  readonly totalMs: number | null
  /** Milliseconds for the prompt. Null without `totalMs`. 0: not in the answer, as in all answers with embeddings. */
  readonly promptMs: number | null
  /** Milliseconds for the tokens of the answer. Null without `totalMs`. 0: not in the answer. */
  readonly evalMs: number | null
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

  /**
   * Token counts and durations. `tookMs`: how long Ollama had the call. `native`: the route is Ollama's own. Other
   * answers hold objects that the client or the model wrote, so only their last usage is read. They have no durations of
   * Ollama.
   */
  figures(tookMs: number, native: boolean): Figures {
    let text = ''
    for (const chunk of this.#chunks) {
      text += utf8.decode(chunk.length > TAIL_BYTES ? chunk.subarray(-TAIL_BYTES) : chunk)
    }
    const total = native ? text.lastIndexOf('"total_duration":') : -1
    // In an answer of Ollama the other durations come after the total.
    const end = total < 0 ? '' : text.slice(total)
    const totalMs = total < 0 ? null : durationMs(end, '"total_duration":')
    const usageAt = native ? -1 : text.lastIndexOf(USAGE)
    const usage = usageAt < 0 ? '' : text.slice(usageAt)
    return {
      tokensIn: countOf(native ? lastNumber(text, 'prompt_eval_count') : numberIn(usage, USAGE_IN)),
      tokensOut: countOf(native ? lastNumber(text, 'eval_count') : numberIn(usage, USAGE_OUT)),
      loadMs: Math.min((lastNumber(end, 'load_duration') ?? 0) / 1e6, tookMs),
      totalMs,
      promptMs: totalMs === null ? null : durationMs(end, '"prompt_eval_duration":'),
      evalMs: totalMs === null ? null : durationMs(end, '"eval_duration":'),
      failed: /(?:^|\n)\{"error":[^\n]*\n$/.test(text),
    }
  }
}

/**
 * The first duration under a key, in milliseconds. Go leaves out a field that is 0. Null: a value that no call can have,
 * or an object without an end, which can have lost a field.
 */
function durationMs(text: string, quoted: string): number | null {
  if (!text.includes('}')) return null
  const at = text.indexOf(quoted)
  if (at < 0) return 0
  let nanoseconds = 0
  let index = at + quoted.length
  let digit = text.charCodeAt(index) - 0x30
  if (!(digit >= 0 && digit <= 9)) return null
  for (; digit >= 0 && digit <= 9; digit = text.charCodeAt(++index) - 0x30)
    nanoseconds = nanoseconds * 10 + digit
  const next = text[index]
  return (next === ',' || next === '}') && nanoseconds <= MOST_NANOSECONDS ? nanoseconds / 1e6 : null
}

/** Null: no number, or more tokens than a call can have. */
function countOf(tokens: number | undefined): number | null {
  return tokens !== undefined && tokens <= MOST_TOKENS ? tokens : null
}

/** The first number that a pattern finds. */
function numberIn(text: string, pattern: RegExp): number | undefined {
  const digits = pattern.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The last integer under a key. A key inside a string has escaped quotes and does not match. */
function lastNumber(text: string, key: string): number | undefined {
  const quoted = `"${key}":`
  const at = text.lastIndexOf(quoted)
  if (at < 0) return undefined
  const digits = /^\s*(\d+)/.exec(text.slice(at + quoted.length, at + quoted.length + 24))?.[1]
  return digits === undefined ? undefined : Number(digits)
}
