// Names of models and clients are chosen by others and end up on somebody's terminal. Whatever could steer it, turn
// the direction of the text around or take no width is replaced, so that a table stays a table.

/** Control and format characters, halves of surrogate pairs, private and unassigned code points, line separators. */
const STEERING = /[\p{C}\p{Zl}\p{Zp}]/gu
/** They change the width of an emoji on some terminals and not on others. */
const VARIATION_SELECTORS = /[\ufe00-\ufe0f]/g
/** More marks on one letter than any script needs, which would run into the lines above and below. */
const PILED_MARKS = /(\p{M}{3})\p{M}+/gu
const ASCII = /^[\x20-\x7e]*$/
const MARKS_ONLY = /^\p{M}+$/u
const HALF_WIDTH = /^[\uff61-\uffdc]/
const WIDE =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\u3200-\u33ff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** One line that a terminal shows and does not obey. */
export function safeText(text: string): string {
  if (ASCII.test(text)) return text
  return text.replace(STEERING, '?').replace(VARIATION_SELECTORS, '').replace(PILED_MARKS, '$1')
}

/** JSON on one line in which what could steer a terminal is written as an escape; it means the same. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(STEERING, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

/** Terminal cells that a safe text takes. */
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

/** At most `width` cells of a safe text; what was cut off is shown by an ellipsis. */
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
