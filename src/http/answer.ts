import type { JsonText } from './shared-pages.ts'

/** What every answer of our own carries: it is about this moment and nobody may keep it. */
export const OWN_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
}

/** A page that many may be given. */
export function answerText({ bytes }: JsonText): Response {
  return new Response(bytes, { headers: OWN_HEADERS })
}

/** An answer of our own pages; keys come out in the order in which `value` has them. */
export function answer(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: OWN_HEADERS })
}
