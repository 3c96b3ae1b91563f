/** What a call produces: its text in pieces, and its token counts. */
export interface AnswerPlan {
  readonly promptTokens: number
  /** Tokens that the call computes. An answer that ends by itself needs one token without text. */
  readonly outputTokens: number
  readonly pieces: number
  readonly piece: (index: number) => string
  readonly reason: 'stop' | 'length'
}

export interface ModelInput {
  /** The model's name in the client's spelling. */
  readonly model: string
  /** All text of the request that a model reads. */
  readonly prompt: string
}

/** The text of an answer, in place of made-up text. */
export interface Script {
  readonly pieces: readonly string[]
  /** Counted from the prompt when absent. */
  readonly promptTokens?: number
}

/** A limit up to this is the exact length of the output. Clients that must send a limit send a huge one. */
const MAX_EXACT_TOKENS = 4096
const MIN_TOKENS = 16
const TOKENS_SPREAD = 48

const WORDS = (
  'the a gate line slot call model answer token queue river stone quiet early late open small bright every other ' +
  'waits runs turns leaves comes stands and so then while before after here there once more'
).split(' ')

/**
 * Equal inputs give equal text and counts. A prompt has one token for each four bytes. A limit (num_predict,
 * max_tokens, max_output_tokens) of 1 to 4096 is the exact number of output tokens, with the reason `length`. Without a
 * limit, or with a larger one, the hash of the input chooses 16 to 63 tokens and the reason is `stop`.
 */
export function planAnswer(
  input: ModelInput,
  limit: number | undefined,
  script: Script | undefined,
): AnswerPlan {
  const bound = limit !== undefined && limit >= 1 ? limit : Number.POSITIVE_INFINITY
  const promptTokens = script?.promptTokens ?? tokensOf(input.prompt)
  if (script) {
    const isTruncated = script.pieces.length >= bound
    const pieces = isTruncated ? bound : script.pieces.length
    return {
      promptTokens,
      outputTokens: isTruncated ? bound : pieces + 1,
      pieces,
      piece: (index) => script.pieces[index] ?? '',
      reason: isTruncated ? 'length' : 'stop',
    }
  }
  const seed = hash(`${input.model}\n${input.prompt}`)
  const piece = (index: number) => `${index === 0 ? '' : ' '}${WORDS[mix(seed + index) % WORDS.length]}`
  if (bound <= MAX_EXACT_TOKENS)
    return { promptTokens, outputTokens: bound, pieces: bound, piece, reason: 'length' }
  const outputTokens = MIN_TOKENS + (seed % TOKENS_SPREAD)
  return { promptTokens, outputTokens, pieces: outputTokens - 1, piece, reason: 'stop' }
}

/** Tokens of each input of an embed. A script that gives a number of tokens shares it among the inputs. */
export function inputTokens(inputs: readonly string[], script: Script | undefined): number[] {
  const total = script?.promptTokens
  if (total === undefined) return inputs.map(tokensOf)
  const share = Math.floor(total / inputs.length)
  return inputs.map((_, index) => (index === 0 ? total - share * (inputs.length - 1) : share))
}

function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / 4))
}

export function textOf(answer: AnswerPlan): string {
  return Array.from({ length: answer.pieces }, (_, index) => answer.piece(index)).join('')
}

/** Token ids of prompt and answer, as /api/generate returns them. */
export function contextOf(input: ModelInput, answer: AnswerPlan): number[] {
  const seed = hash(input.prompt)
  return Array.from(
    { length: answer.promptTokens + answer.outputTokens },
    (_, index) => mix(seed + index) % 128_000,
  )
}

/** A unit vector of `size` float32 values. Equal texts give equal vectors. */
export function embeddingOf(text: string, size: number): number[] {
  const seed = hash(text)
  const values = Array.from({ length: size }, (_, index) => (mix(seed + index) % 2001) / 1000 - 1)
  const length = Math.hypot(...values) || 1
  return values.map((value) => Math.fround(value / length))
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  return value >>> 0
}

/** Spreads neighbouring numbers over 32 bits. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
