import { goDuration, goJson, goTime, type Json, orNone } from './go-json.ts'
import { type Dialect, type End, GIN_JSON, type Voice, type WallTime } from './voice.ts'

const NDJSON = { 'Content-Type': 'application/x-ndjson' }
const MID_STREAM = 'an error was encountered while running the model: unexpected EOF'

export const nativeDialect: Dialect = {
  error: ({ message }) => ({ type: GIN_JSON, text: goJson({ error: message }) }),
}

export function generateVoice(model: string, now: WallTime): Voice {
  return lines((text, end) => ({
    model,
    created_at: goTime(now()),
    response: text,
    done: end !== undefined,
    done_reason: end?.reason,
    context: end?.context,
    ...metrics(end),
  }))
}

export function chatVoice(model: string, now: WallTime): Voice {
  return lines((text, end) => ({
    model,
    created_at: goTime(now()),
    message: { role: 'assistant', content: text },
    done: end !== undefined,
    done_reason: end?.reason,
    ...metrics(end),
  }))
}

/** /api/embed. Vectors hold float32 values. */
export function embedBody(model: string, vectors: readonly (readonly number[])[], end: End): string {
  return goJson({
    model,
    embeddings: vectors,
    total_duration: end.figures && goDuration(end.figures.totalMs),
    load_duration: end.figures && goDuration(end.figures.loadMs),
    prompt_eval_count: end.figures && orNone(end.figures.promptTokens),
  })
}

function lines(object: (text: string, end?: End) => Json): Voice {
  const line = (value: Json) => `${goJson(value)}\n`
  return {
    streamHeaders: NDJSON,
    piece: (text) => [line(object(text))],
    close: (end) => [line(object('', end))],
    whole: (end) => ({ type: GIN_JSON, text: goJson(object(end.text, end)) }),
    broken: () => [line({ error: MID_STREAM })],
  }
}

function metrics(end: End | undefined): { [key: string]: number | undefined } {
  const figures = end?.figures
  if (!figures) return {}
  return {
    total_duration: goDuration(figures.totalMs),
    load_duration: goDuration(figures.loadMs),
    prompt_eval_count: orNone(figures.promptTokens),
    prompt_eval_duration: goDuration(figures.promptMs),
    eval_count: orNone(figures.outputTokens),
    eval_duration: goDuration(figures.outputMs),
  }
}
