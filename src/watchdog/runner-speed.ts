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
/** The same for a machine that reads prompts fast. */
const FAST_OF_TOKEN = 1 / 100

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
/** Of English text. */
const BYTES_A_TOKEN = 4

/** How fast one runner works, learned from its calls that are over. What is not certain is guessed on the slow side. */
export class RunnerSpeed {
  readonly #gap = new RecentMean(1_000)
  readonly #token = new RecentMean(10_000)
  readonly #whole = new RecentMean(16)
  #byteMs: number | undefined
  /** Nothing of an embedding is in a cache. */
  #embeds = false
  #loadMs: number | undefined
  /** What a call to an idle runner waits for besides its prompt: maybe a load of which the answer does not tell. */
  #startMs: number | undefined

  /** A call has got a good answer. `wasIdle`: the runner had no other call when the call was sent. */
  heard(call: OverCall, wasIdle: boolean): void {
    const { loadMs, parts, sentMs, totalMs } = call
    if (sentMs === null) return
    // A call that came in the middle of a load tells only of the rest.
    this.loaded(loadMs, wasIdle)
    if (wasIdle) this.#heardStart(call, sentMs)
    const embeds = gatedRoute(call.path)?.operation === 'embeddings'
    const promptMs = promptMsOf(call, sentMs, embeds)
    if (promptMs !== undefined && call.bytesIn >= LEAST_BYTES)
      this.#byteMs = slower(this.#byteMs, Math.min(promptMs / call.bytesIn, SLOWEST_BYTE_MS), 256)
    if (parts === null) this.#whole.add(totalMs - sentMs - loadMs, 1)
    if (embeds) this.#embeds = true
    else this.#heardTokens(call, sentMs)
  }

  /** A load of the runner is over. A shorter time than LOAD_MS is none. `isWhole`: the time is not just a part of it. */
  loaded(ms: number, isWhole = true): void {
    if (ms >= LOAD_MS && (isWhole || ms > (this.#loadMs ?? Number.POSITIVE_INFINITY)))
      this.#loadMs = slower(this.#loadMs, ms, 16)
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

  /** Milliseconds after which a load must be done. */
  get loadMs(): number {
    return this.#loadMs === undefined ? UNKNOWN_LOAD_MS : PATIENCE.load * this.#loadMs
  }

  /** The same for a runner that was idle for a moment: as long as such a runner took to begin. */
  get reloadMs(): number {
    const known = this.#loadMs ?? this.#startMs
    return known === undefined ? UNKNOWN_LOAD_MS : PATIENCE.load * known
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

  /** Where an answer does not tell of loads, a part of the prompt is taken off, as if the prompt were read fast. */
  #heardStart(call: OverCall, sentMs: number): void {
    const { bytesIn, firstByteMs, loadMs, parts, promptMs, totalMs } = call
    const begunMs = (parts === null || firstByteMs === null ? totalMs : firstByteMs) - sentMs
    const readMs = bytesIn * FAST_OF_TOKEN * (this.#token.value ?? 0)
    const ms = (promptMs ?? null) === null ? Math.max(0, begunMs - readMs) : loadMs
    this.#startMs = slower(this.#startMs, Math.min(ms, UNKNOWN_LOAD_MS / PATIENCE.load), 16)
  }

  #heardTokens(call: OverCall, sentMs: number): void {
    const { bytesIn, evalMs, firstByteMs, loadMs, parts, tokensOut, totalMs } = call
    const isWhole = parts === null || firstByteMs === null
    const ms = evalMs ? evalMs : totalMs - (isWhole ? sentMs + loadMs : firstByteMs)
    if (parts !== null && parts > 1) this.#gap.add(Math.min(ms, MOST_GAP_MS * (parts - 1)), parts - 1)
    const tokens = tokensOut ?? parts ?? 0
    // The time of an answer in one piece holds that of its prompt.
    const isMostlyPrompt = isWhole && !evalMs && bytesIn > BYTES_A_TOKEN * tokens
    if (tokens >= LEAST_TOKENS && !isMostlyPrompt)
      this.#token.add(Math.min(ms, MOST_TOKEN_MS * tokens), tokens)
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
