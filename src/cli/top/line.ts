import { truncate, widthOf } from './safe-text.ts'

export type Tone = 'dim' | 'bold' | 'good' | 'warning' | 'critical'

/** A piece of a line. safeText() has already been applied to the text. */
export interface TextSpan {
  readonly text: string
  readonly tone?: Tone | undefined
}

export type TextLine = readonly TextSpan[]

const CODES: Readonly<Record<Tone, string>> = {
  dim: '\x1b[2m',
  bold: '\x1b[1m',
  good: '\x1b[32m',
  warning: '\x1b[33m',
  critical: '\x1b[1;31m',
}
const RESET = '\x1b[0m'

export function span(text: string, tone?: Tone): TextSpan {
  return { text, tone }
}

export function lineWidth(line: TextLine): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0)
}

/** The line, cut to at most `width` cells. */
export function fit(line: TextLine, width: number): TextLine {
  if (lineWidth(line) <= width) return line
  const fitting: TextSpan[] = []
  let remaining = width
  for (const { text, tone } of line) {
    const kept = truncate(text, remaining)
    fitting.push({ text: kept, tone })
    remaining -= widthOf(kept)
    if (remaining <= 0 || kept !== text) break
  }
  return fitting
}

/** Puts the items one after the other, three cells apart, on as many lines as needed. */
export function flow(items: readonly TextLine[], width: number): TextLine[] {
  const lines: TextLine[] = []
  let current: TextLine = []
  for (const item of items) {
    const joined = current.length === 0 ? item : [...current, span('   '), ...item]
    if (current.length > 0 && lineWidth(joined) > width) {
      lines.push(current)
      current = item
    } else current = joined
  }
  if (current.length > 0) lines.push(current)
  return lines.map((line) => fit(line, width))
}

/** Breaks a safe text into lines of at most `width` cells. A longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of text.split(' ')) {
    const joined = current === '' ? word : `${current} ${word}`
    if (current !== '' && widthOf(joined) > width) {
      lines.push(current)
      current = word
    } else current = joined
  }
  return current === '' ? lines : [...lines, current]
}

export function plainText(line: TextLine): string {
  return line
    .map(({ text }) => text)
    .join('')
    .trimEnd()
}

/** The text of a line with the escape codes of its tones. */
export function colouredText(line: TextLine): string {
  return line.map(({ text, tone }) => (tone ? `${CODES[tone]}${text}${RESET}` : text)).join('')
}
