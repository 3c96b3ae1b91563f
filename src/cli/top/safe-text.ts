// Clients choose the names of models and clients, and an operator's terminal shows these names. Characters that could
// control the terminal, reverse the text direction or take no width are replaced, so that tables stay aligned.

/** Control and format characters, halves of surrogate pairs, private and unassigned code points, line separators. */
const UNSAFE_CHARACTERS = /[\p{C}\p{Zl}\p{Zp}]/gu
/** Variation selectors change the width of an emoji on some terminals only. */
const VARIATION_SELECTORS = /[\ufe00-\ufe0f]/g
/** No script needs more than three marks on one letter. More marks would cover the lines above and below. */
const PILED_MARKS = /(\p{M}{3})\p{M}+/gu
const ASCII = /^[\x20-\x7e]*$/
const MARKS_ONLY = /^\p{M}+$/u
const HALF_WIDTH = /^[\uff61-\uffdc]/
const WIDE =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\u3200-\u33ff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The text on one line. Unsafe characters become `?`. */
export function safeText(text: string): string {
  if (ASCII.test(text)) return text
  return text.replace(UNSAFE_CHARACTERS, '?').replace(VARIATION_SELECTORS, '').replace(PILED_MARKS, '$1')
}

/** JSON on one line. Unsafe characters are written as JSON escapes, so the parsed value is the same. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE_CHARACTERS, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

/** Width of a safe text, in terminal cells. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment)
  return width
}

function graphemeWidth(grapheme: string): number {
  if (MARKS_ONLY.test(grapheme)) return 0
  return WIDE.test(grapheme) && !HALF_WIDTH.test(grapheme) ? 2 : 1
}

/** A safe text, cut to at most `width` cells. An ellipsis marks the cut. */
export function truncate(text: string, width: number): string {
  if (width <= 0) return ''
  if (ASCII.test(text)) return text.length <= width ? text : `${text.slice(0, width - 1)}…`
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    used += graphemeWidth(segment)
    if (used > width - 1) break
    kept += segment
  }
  return `${kept}…`
}
