/** What the canned upstream answers, shared by it and by those who check that it arrived. */

export const MODEL = 'llama2'

/** Body of a call, some 200 bytes as a short question is. */
export function callBody(stream: boolean): string {
  const prompt = 'Why is the sky blue? Answer in one paragraph, for a reader who has heard of waves before. '
  // A stream is a chat. Without messages it would only load the model, which takes no slot.
  const asked = stream ? { messages: [{ role: 'user', content: prompt }] } : { prompt }
  return JSON.stringify({ model: MODEL, ...asked, stream, options: { temperature: 0 } })
}

const CREATED = '"created_at":"2026-01-01T00:00:00.000000000Z"'
const FIGURES =
  '"total_duration":1200000000,"load_duration":1000000,"prompt_eval_count":26,"prompt_eval_duration":100000000,' +
  '"eval_count":64,"eval_duration":1000000000'

/** Answer to stream:false. */
export const WHOLE_ANSWER =
  `{"model":"${MODEL}",${CREATED},"response":"Air scatters short waves more than long ones.",` +
  `"done":true,"done_reason":"stop","context":[1,2,3],${FIGURES}}`

export const STREAM_CHUNKS = 64

/** Lines of the streamed answer, the last with the figures. */
export const STREAM_LINES: readonly string[] = Array.from({ length: STREAM_CHUNKS }, (_, index) =>
  index === STREAM_CHUNKS - 1
    ? `{"model":"${MODEL}",${CREATED},"response":"","done":true,"done_reason":"stop",${FIGURES}}\n`
    : `{"model":"${MODEL}",${CREATED},"response":" waves","done":false}\n`,
)

/** Time between two chunks of one paced stream. */
export const PACE_MS = 20

/** A line that tells when it was written, in microseconds of the monotonic clock that all processes share. */
export function pacedLine(sentMicros: number): string {
  return `{"model":"${MODEL}",${CREATED},"response":" waves","done":false,"sent":${sentMicros.toFixed(1)}}\n`
}

/** Monotonic microseconds, comparable between the processes of one machine. */
export function micros(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}

/** What a call's target chooses at the canned upstream. Ollama's own paths, so that they take a slot. */
export const TARGETS = {
  /** One JSON answer. */
  whole: '/api/generate',
  /** STREAM_LINES, one by one. */
  stream: '/api/chat',
  /** Answered once somebody posts to `release`. */
  stalled: '/api/generate?stalled',
  release: '/release',
} as const

/** `chunks` lines, one every PACE_MS. */
export function pacedTarget(chunks: number): string {
  return `/api/chat?paced=${chunks}`
}
