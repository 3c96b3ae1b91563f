import { LOAD_MS } from '../admission/contract.ts'
import { gatedRoute } from '../ollama/routes.ts'
import type { OverCall } from './contract.ts'

/**
 * Milliseconds for a byte of a prompt while nothing is known, and the most that is believed: 25 tokens of four bytes a
 * second. Small machines without a graphics card read 20 to 60.
 */
const SLOWEST_BYTE_MS = 10
/** A body of fewer bytes says little about the next one: most of its time is overhead. */
const LEAST_BYTES = 1024
/** 128k tokens have half of these bytes. What is more is pictures, of which Ollama makes few tokens. */
const MOST_BYTES = 1024 * 1024
/**
 * A prompt that Ollama has in its cache looks fast, and the next one may not be there. So no byte of a prompt counts for
 * less than this part of a token of an answer: machines on which prompts are slow read at most ten times as fast as they
 * write, and a token has about three bytes.
 */
const LEAST_OF_TOKEN = 1 / 30

/** A load of a runner of which no load is known. Ollama gives a load up that shows no progress for five minutes. */
const UNKNOWN_LOAD_MS = 600_000
/** An answer that comes in one piece, of a runner that has given none yet. */
const UNKNOWN_WHOLE_MS = 1_800_000
/** A longer answer, or a longer call of a tool, is hardly ever written. In tokens. */
const LONGEST = { answer: 16_384, toolCall: 4_096 } as const

/** So many times as long as usual nothing is found strange. */
const PATIENCE = { prompt: 3, load: 3, gaps: 20, whole: 20 } as const

/** A gap, and a token, that takes longer is the client's doing: a client that does not read holds Ollama back. */
const MOST_GAP_MS = 15_000
const MOST_TOKEN_MS = 2_000
/** An answer with fewer tokens says little about their speed. */
const LEAST_TOKENS = 16

/** How fast one runner works, learned from its calls that are over. What is not certain is guessed on the slow side. */
export class RunnerSpeed {
  readonly #gap = new RecentMean(1_000)
  readonly #token = new RecentMean(10_000)
  readonly #whole = new RecentMean(16)
  #byteMs: number | undefined
  /** Nothing of an embedding is in a cache. */
  #embeds = false
  #loadMs: number | undefined

  /** A call has got a good answer. */
  heard(call: OverCall): void {
    const { loadMs, parts, sentMs, totalMs } = call
    if (sentMs === null) return
    this.loaded(loadMs)
    const embeds = gatedRoute(call.path)?.operation === 'embeddings'
    const promptMs = promptMsOf(call, sentMs, embeds)
    if (promptMs !== undefined && call.bytesIn >= LEAST_BYTES)
      this.#byteMs = slower(this.#byteMs, Math.min(promptMs / call.bytesIn, SLOWEST_BYTE_MS), 256)
    if (parts === null) this.#whole.add(totalMs - sentMs - loadMs, 1)
    if (embeds) this.#embeds = true
    else this.#heardTokens(call, sentMs)
  }

  /** A load of the runner is over. A shorter time than LOAD_MS is none. */
  loaded(ms: number): void {
    if (ms >= LOAD_MS) this.#loadMs = slower(this.#loadMs, ms, 16)
  }

  /** Milliseconds between two parts of an answer that are not strange. */
  get gapMs(): number {
    return PATIENCE.gaps * (this.#gap.value ?? 0)
  }

  /** Milliseconds after which a prompt of so many bytes must be done. */
  promptMs(bytes: number): number {
    const token = this.#token.value
    const isKnown = token !== undefined || this.#embeds
    const known = isKnown ? (this.#byteMs ?? SLOWEST_BYTE_MS) : SLOWEST_BYTE_MS
    return PATIENCE.prompt * Math.min(bytes, MOST_BYTES) * Math.max(known, LEAST_OF_TOKEN * (token ?? 0))
  }

  /** Milliseconds after which a load must be done. Undefined: no load is known. */
  get knownLoadMs(): number | undefined {
    return this.#loadMs === undefined ? undefined : PATIENCE.load * this.#loadMs
  }

  get loadMs(): number {
    return this.knownLoadMs ?? UNKNOWN_LOAD_MS
  }

  /** Milliseconds for which an answer in one piece may say nothing after its prompt. */
  get wholeMs(): number {
    const usual = this.#whole.value
    const longest = LONGEST.answer * (this.#token.value ?? 0)
    if (usual === undefined) return longest === 0 ? UNKNOWN_WHOLE_MS : longest
    return Math.max(PATIENCE.whole * usual, longest)
  }

  /** Milliseconds for which a stream may say nothing while the model writes the call of a tool. */
  get toolCallMs(): number {
    const token = this.#token.value
    return token === undefined ? UNKNOWN_WHOLE_MS : LONGEST.toolCall * token
  }

  #heardTokens({ evalMs, firstByteMs, parts, tokensOut, totalMs, loadMs }: OverCall, sentMs: number): void {
    const answerMs = totalMs - (parts === null || firstByteMs === null ? sentMs + loadMs : firstByteMs)
    const ms = evalMs ? evalMs : answerMs
    if (parts !== null && parts > 1) this.#gap.add(Math.min(ms, MOST_GAP_MS * (parts - 1)), parts - 1)
    const tokens = tokensOut ?? parts ?? 0
    if (tokens >= LEAST_TOKENS) this.#token.add(Math.min(ms, MOST_TOKEN_MS * tokens), tokens)
  }
}

/** Milliseconds that Ollama took for the prompt, or a little more. Undefined: the call does not tell. */
function promptMsOf(call: OverCall, sentMs: number, embeds: boolean): number | undefined {
  const { firstByteMs, loadMs, parts, promptMs, totalMs } = call
  if (embeds) return totalMs - sentMs - loadMs
  if (promptMs) return promptMs
  return parts === null || firstByteMs === null ? undefined : Math.max(0, firstByteMs - sentMs - loadMs)
}

/** The slowest of what was heard. It is forgotten slowly: each faster one takes a part of `memory` away. */
function slower(known: number | undefined, heard: number, memory: number): number {
  return known === undefined ? heard : Math.max(heard, known - (known - heard) / memory)
}

/** A mean over the last things that were counted, the newer ones weighing more. */
class RecentMean {
  readonly #most: number
  #sum = 0
  #count = 0

  /** `most`: from so many things on, the older half is forgotten. */
  constructor(most: number) {
    this.#most = most
  }

  /** Undefined before the first. */
  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count
  }

  /** `sum`: of `count` things. */
  add(sum: number, count: number): void {
    if (this.#count >= this.#most) {
      this.#sum /= 2
      this.#count /= 2
    }
    this.#sum += sum
    this.#count += count
  }
}
