import {
  type AnswerEnd,
  type AnswerFormat,
  type ErrorFormat,
  GIN_JSON,
  type WallTime,
} from './answer-format.ts'
import { goDuration, goJson, goTime, type Json, omitZero } from './go-json.ts'
import type { RemotePlace } from './model-spec.ts'

const NDJSON = { 'Content-Type': 'application/x-ndjson' }
const MID_STREAM = 'an error was encountered while running the model: unexpected EOF'

export const nativeError: ErrorFormat = ({ message }) => ({
  type: GIN_JSON,
  text: goJson({ error: message }),
})

/** `stub`: the place where the model of a stub runs, which every object of the answer names. */
export function generateFormat(model: string, now: WallTime, stub?: RemotePlace): AnswerFormat {
  return lines(stub, (text, end) => ({
    model,
    ...namesOf(stub),
    created_at: goTime(now()),
    response: text,
    done: end !== undefined,
    done_reason: end?.reason,
    context: end?.context,
    ...metrics(end),
  }))
}

export function chatFormat(model: string, now: WallTime, stub?: RemotePlace): AnswerFormat {
  return lines(stub, (text, end) => ({
    model,
    ...namesOf(stub),
    created_at: goTime(now()),
    message: { role: 'assistant', content: text },
    done: end !== undefined,
    done_reason: end?.reason,
    ...metrics(end),
  }))
}

/** The answer of /api/embed. */
export function embedBody(model: string, vectors: readonly (readonly number[])[], end: AnswerEnd): string {
  return goJson({
    model,
    embeddings: vectors,
    total_duration: end.figures && goDuration(end.figures.totalMs),
    load_duration: end.figures && goDuration(end.figures.loadMs),
    prompt_eval_count: end.figures && omitZero(end.figures.promptTokens),
  })
}

/** Ollama writes the whole answer of a stub as one line, and other whole answers without a newline. */
function lines(stub: RemotePlace | undefined, object: (text: string, end?: AnswerEnd) => Json): AnswerFormat {
  const line = (value: Json) => `${goJson(value)}\n`
  return {
    streamHeaders: NDJSON,
    piece: (text) => [line(object(text))],
    end: (end) => [line(object('', end))],
    whole: (end) => ({
      type: GIN_JSON,
      text: stub ? line(object(end.text, end)) : goJson(object(end.text, end)),
    }),
    failed: () => [line({ error: MID_STREAM })],
  }
}

function namesOf(stub: RemotePlace | undefined): { [key: string]: string } {
  return stub ? { remote_model: stub.model, remote_host: stub.host } : {}
}

function metrics(end: AnswerEnd | undefined): { [key: string]: number | undefined } {
  const figures = end?.figures
  if (!figures) return {}
  return {
    total_duration: goDuration(figures.totalMs),
    load_duration: goDuration(figures.loadMs),
    prompt_eval_count: omitZero(figures.promptTokens),
    prompt_eval_duration: goDuration(figures.promptMs),
    eval_count: omitZero(figures.outputTokens),
    eval_duration: goDuration(figures.outputMs),
  }
}
