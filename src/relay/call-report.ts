import type { CallReport } from '../admission/contract.ts'
import type { Figures } from '../ollama/answer-figures.ts'

/** What the proxy has measured of a call that Ollama answered. Milliseconds from the moment the call was sent. */
interface MeasuredTimes {
  readonly firstByteMs: number
  /** To the end of the answer. */
  readonly tookMs: number
  readonly streamed: boolean
}

/**
 * What an answer tells admission. Only the final chunks of Ollama's own routes tell where the time went. None of their
 * durations but the total holds the time in line inside Ollama (server/sched.go, llm/llama_server.go), so that time is
 * what the others leave of the total. `status`: of Ollama's answer; 0 without an answer.
 */
export function reportOf(
  { totalMs, loadMs, promptMs, evalMs, tokensIn, tokensOut }: Figures,
  { firstByteMs, tookMs, streamed }: MeasuredTimes,
  served: boolean,
  status?: number,
): CallReport {
  const tokens = (tokensIn ?? 0) + (tokensOut ?? 0)
  // Embeddings have a total and no time of computing: their rest says nothing.
  if (totalMs === null || promptMs === null || !evalMs) return { served, status, loadMs, tokens }
  const computedMs = promptMs + evalMs
  const restMs = Math.max(0, totalMs - loadMs - computedMs)
  // A client that reads slowly makes the total longer, but not the time before the first byte of a stream.
  if (!streamed)
    return { served, status, loadMs, tokens, queuedMs: restMs, computedMs, beganMs: tookMs - computedMs }
  const beganMs = firstByteMs - promptMs
  const queuedMs = Math.min(restMs, Math.max(0, beganMs - loadMs))
  return { served, status, loadMs, tokens, queuedMs, computedMs, beganMs }
}
