import assert from 'node:assert/strict'
import test from 'node:test'
import { MESSAGES } from '../../src/http/messages.ts'

const SCRIPTS = {
  en: /[a-z]/,
  zh: /\p{Script=Han}/u,
  vi: /[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹáàéèíóúý]/i,
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
  ko: /\p{Script=Hangul}/u,
  ru: /\p{Script=Cyrillic}/u,
  ar: /\p{Script=Arabic}/u,
}

test('seven languages have every message, each in its own script and none twice', () => {
  assert.deepEqual(Object.keys(MESSAGES), Object.keys(SCRIPTS))
  const keys = Object.keys(MESSAGES.en)
  for (const [language, messages] of Object.entries(MESSAGES)) {
    assert.deepEqual(Object.keys(messages), keys, language)
    assert.equal(new Set(Object.values(messages)).size, keys.length, language)
    for (const message of Object.values(messages)) {
      assert.match(message, SCRIPTS[language as keyof typeof SCRIPTS], `${language}: ${message}`)
    }
  }
})
