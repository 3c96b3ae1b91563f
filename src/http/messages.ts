import { ar } from './words/ar.ts'
import { en } from './words/en.ts'
import { ja } from './words/ja.ts'
import { ko } from './words/ko.ts'
import { ru } from './words/ru.ts'
import { vi } from './words/vi.ts'
import type { MessageKey, Words } from './words/words.ts'
import { zh } from './words/zh.ts'

export const WORDS = { en, zh, vi, ja, ko, ru, ar } as const satisfies Record<string, Words>

export type Language = keyof typeof WORDS

const WAIT = /\{wait\|([^}]*)\}/

/** The plural rules of the languages that were spoken so far; making them costs more than a whole refusal. */
const plurals = new Map<Language, Intl.PluralRules>()

/** One sentence for people. `waitSeconds`: a whole number; undefined when the wait is not known. */
export function say(language: Language, key: MessageKey, waitSeconds?: number): string {
  return WORDS[language].messages[key].replace(WAIT, (_, later: string) =>
    waitSeconds === undefined ? later : inSeconds(language, waitSeconds),
  )
}

function inSeconds(language: Language, count: number): string {
  let rules = plurals.get(language)
  if (rules === undefined) {
    rules = new Intl.PluralRules(language)
    plurals.set(language, rules)
  }
  const { seconds }: Words = WORDS[language]
  return (seconds[rules.select(count)] ?? seconds.other).replace('{n}', String(count))
}
