import assert from 'node:assert/strict'
import test from 'node:test'
import { MESSAGES, messageIn } from '../../src/http/error-codes.ts'
import { type Language, WAITS } from '../../src/http/language.ts'

const SCRIPTS = {
  en: /[a-z]/,
  zh: /\p{Script=Han}/u,
  vi: /[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹáàéèíóúý]/i,
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
  ko: /\p{Script=Hangul}/u,
  ru: /\p{Script=Cyrillic}/u,
  ar: /\p{Script=Arabic}/u,
}

const LANGUAGES = Object.keys(WAITS) as Language[]

test('seven languages have every message, each in its own script and none twice', () => {
  assert.deepEqual(LANGUAGES, Object.keys(SCRIPTS))
  const sentences = Object.values(MESSAGES)
  for (const language of LANGUAGES) {
    const texts = sentences.map((sentence) => sentence[language])
    assert.equal(new Set(texts).size, sentences.length, language)
    for (const text of texts) assert.match(text, SCRIPTS[language], `${language}: ${text}`)
  }
})

test('the same messages name the wait in every language, and every form of it that the language has', () => {
  for (const language of LANGUAGES) {
    const waits = Object.entries(MESSAGES).filter(([, sentence]) => sentence[language].includes('{wait|'))
    assert.deepEqual(
      waits.map(([key]) => key),
      ['queue_full', 'timeout', 'shutting_down', 'load_failed', 'model_stuck', 'paused', 'caller_queue_full'],
      language,
    )
    const forms: Readonly<Record<string, string>> = WAITS[language]
    const rules = new Intl.PluralRules(language)
    for (let count = 1; count <= 60; count++)
      assert.ok(forms[rules.select(count)] !== undefined, `${language}: ${count}`)
  }
})

/** The end of the message of queue_full, by the seconds of the wait. */
const ENDINGS: Readonly<Record<Language, Readonly<Record<number, string>>>> = {
  en: { 1: 'in 1 second.', 12: 'in 12 seconds.', 21: 'in 21 seconds.' },
  zh: { 1: '请在 1 秒后再试。', 12: '请在 12 秒后再试。' },
  vi: { 1: 'thử lại sau 1 giây.', 12: 'thử lại sau 12 giây.' },
  ja: { 1: '1 秒後にもう一度お試しください。', 12: '12 秒後にもう一度お試しください。' },
  ko: { 1: '1초 후 다시 시도해 주세요.', 12: '12초 후 다시 시도해 주세요.' },
  ru: {
    1: 'через 1 секунду.',
    2: 'через 2 секунды.',
    5: 'через 5 секунд.',
    11: 'через 11 секунд.',
    21: 'через 21 секунду.',
    34: 'через 34 секунды.',
    60: 'через 60 секунд.',
  },
  ar: {
    1: 'بعد ثانية واحدة.',
    2: 'بعد ثانيتين.',
    3: 'بعد 3 ثوانٍ.',
    10: 'بعد 10 ثوانٍ.',
    11: 'بعد 11 ثانية.',
    60: 'بعد 60 ثانية.',
  },
}

for (const language of LANGUAGES) {
  test(`the wait is right in singular and plural: ${language}`, () => {
    for (const [seconds, end] of Object.entries(ENDINGS[language])) {
      const said = messageIn(language, 'queue_full', Number(seconds))
      assert.ok(said.endsWith(end), said)
    }
    for (const key of ['queue_full', 'paused', 'timeout', 'shutting_down', 'upstream_error'] as const) {
      assert.doesNotMatch(messageIn(language, key), /[{}|\d]/, 'without a wait')
      assert.doesNotMatch(messageIn(language, key, 7), /[{}|]/, 'with one')
    }
  })
}
