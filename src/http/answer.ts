import type { JsonText } from './shared-pages.ts'

/** Headers of every answer of our own. The answer describes this moment, so no cache may store it. */
export const OWN_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
}

/** The answer with a page that several clients may share. */
export function answerText({ bytes }: JsonText): Response {
  return new Response(bytes, { headers: OWN_HEADERS })
}

/** An answer of our own. The keys of the JSON come in the order of `value`. */
export function answer(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: OWN_HEADERS })
}
