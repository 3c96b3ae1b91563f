/**
 * The wording of a wait that begins now, by the plural category of its number of seconds. `{n}` is that number. A form
 * may leave the number out where the language says the number in a word.
 */
type WaitForms = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string }

/** The languages of our messages, each with its wording of a wait. */
export const WAITS = {
  en: { one: 'in {n} second', other: 'in {n} seconds' },
  zh: { other: '在 {n} 秒后' },
  vi: { other: 'sau {n} giây' },
  ja: { other: '{n} 秒後に' },
  ko: { other: '{n}초' },
  ru: {
    one: 'через {n} секунду',
    few: 'через {n} секунды',
    many: 'через {n} секунд',
    other: 'через {n} секунды',
  },
  ar: {
    one: 'بعد ثانية واحدة',
    two: 'بعد ثانيتين',
    few: 'بعد {n} ثوانٍ',
    many: 'بعد {n} ثانية',
    other: 'بعد {n} ثانية',
  },
} as const satisfies Record<string, WaitForms>

export type Language = keyof typeof WAITS

/** The plural rules of the languages that were needed so far. Making them costs more than a whole refusal. */
const plurals = new Map<Language, Intl.PluralRules>()

/** "in 12 seconds". */
export function waitIn(language: Language, seconds: number): string {
  let rules = plurals.get(language)
  if (rules === undefined) {
    rules = new Intl.PluralRules(language)
    plurals.set(language, rules)
  }
  const forms: WaitForms = WAITS[language]
  return (forms[rules.select(seconds)] ?? forms.other).replace('{n}', String(seconds))
}

export interface Choice {
  readonly language: Language
  /** True when the request asked for the language. The answer then differs from client to client. */
  readonly negotiated: boolean
}

/**
 * The language of our messages: the configured one. With `auto`, the one of ours that the client prefers, or English.
 */
export function chooseLanguage(configured: Language | 'auto', acceptLanguage: string | undefined): Choice {
  if (configured !== 'auto') return { language: configured, negotiated: false }
  const asked = acceptLanguage === undefined ? undefined : preferredLanguage(acceptLanguage)
  return { language: asked ?? 'en', negotiated: asked !== undefined }
}

/** More than any browser sends. The rest of a longer list is ignored. */
const MOST_RANGES = 50
const MOST_PARAMETERS = 5

/**
 * The highest weight wins, and of equal weights the first one. `zh-CN` counts as `zh`. Undefined when none of our
 * languages is asked for.
 */
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
  return Object.hasOwn(WAITS, text)
}
