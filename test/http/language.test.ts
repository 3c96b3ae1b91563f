import assert from 'node:assert/strict'
import test from 'node:test'
import { chooseLanguage } from '../../src/http/language.ts'

const CASES = [
  ['de, ja;q=0.4, ko;q=0.7', 'ko'],
  ['zh-CN', 'zh'],
  ['zh-Hant-TW;q=0.9, en;q=0.8', 'zh'],
  ['AR-eg', 'ar'],
  ['ru, vi', 'ru'],
  ['ru ; q=0.3 , vi ; Q=0.30', 'ru'],
  ['en;q=0.1, vi;q=0', 'en'],
  ['vi;q=1.000', 'vi'],
  ['ja;q=0.9;x=1', 'ja'],
] as const

for (const [header, expected] of CASES) {
  test(`"${header}" asks for ${expected}`, () => {
    assert.deepEqual(chooseLanguage('auto', header), { language: expected, negotiated: true })
  })
}

for (const header of [
  undefined,
  '',
  '*',
  'de',
  'vi;q=0',
  'vi;q=2',
  'vi;q=high',
  ';;;,,,',
  'constructor',
  '__proto__',
  'zhx',
  `${'x'.repeat(10_000)},${','.repeat(1_000)}`,
  // Nobody reads a list of so many.
  `${'de,'.repeat(50)}vi`,
  `vi;q=0${';'.repeat(60_000)}`,
]) {
  test(`${JSON.stringify(header?.slice(0, 20))} asks for none of ours and gets English`, () => {
    assert.deepEqual(chooseLanguage('auto', header), { language: 'en', negotiated: false })
  })
}

test('a configured language is not up for negotiation', () => {
  assert.deepEqual(chooseLanguage('ar', 'ja'), { language: 'ar', negotiated: false })
})
