import { type Language, WORDS } from './messages.ts'

export interface Choice {
  readonly language: Language
  /** True when the request asked for it, so that the answer differs from caller to caller. */
  readonly negotiated: boolean
}

/** The language of our own words: the configured one, or with `auto` what the caller likes best of ours, else English. */
export function chooseLanguage(configured: Language | 'auto', acceptLanguage: string | undefined): Choice {
  if (configured !== 'auto') return { language: configured, negotiated: false }
  const asked = acceptLanguage === undefined ? undefined : preferredLanguage(acceptLanguage)
  return { language: asked ?? 'en', negotiated: asked !== undefined }
}

/** More than anybody reads: the rest of a longer list is not looked at. */
const MOST_RANGES = 50
const MOST_PARAMETERS = 5

/** By weight, then by place; `zh-CN` counts as `zh`. Undefined when none of ours is asked for. */
function preferredLanguage(acceptLanguage: string): Language | undefined {
  let best: Language | undefined
  let bestWeight = 0
  for (const range of acceptLanguage.split(',', MOST_RANGES)) {
    const [tag = '', ...parameters] = range.split(';', MOST_PARAMETERS)
    const language = tag.trim().split('-', 1)[0]?.toLowerCase()
    const weight = weightOf(parameters)
    if (language !== undefined && isLanguage(language) && weight > bestWeight) {
      best = language
      bestWeight = weight
    }
  }
  return best
}

function weightOf(parameters: readonly string[]): number {
  const written = parameters.map((parameter) => /^\s*q\s*=(.*)$/i.exec(parameter)?.[1]?.trim()).find(Boolean)
  if (written === undefined) return 1
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(written) ? Number(written) : 0
}

function isLanguage(text: string): text is Language {
  return Object.hasOwn(WORDS, text)
}
