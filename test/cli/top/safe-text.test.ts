import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { safeJson, safeText, truncate, widthOf } from '../../../src/cli/top/safe-text.ts'

describe('safeText', () => {
  it('leaves names in any script as they are', () => {
    for (const name of ['llama3:70b', '模型', 'Ünïcödé', 'ภาษาไทย', '🔥']) assert.equal(safeText(name), name)
  })

  it('replaces what could steer a terminal, start a new line or turn the text around', () => {
    assert.equal(safeText('\x1b[31mred\x07'), '?[31mred?')
    assert.equal(safeText('\x9b2J a\nb\tc\u2028d'), '?2J a?b?c?d')
    assert.equal(safeText('a\u202eb\u200bc\u2066d\ud800e'), 'a?b?c?d?e')
  })

  it('keeps a pile of marks from covering the lines around it', () => {
    assert.equal(safeText(`a${'\u0301'.repeat(50)}b`), `a${'\u0301'.repeat(3)}b`)
  })
})

describe('safeJson', () => {
  it('means the same and steers nothing', () => {
    const value = { '\u009b2J': 'a\u202eb\x1b\n\u{e0001}', 模型: '🔥', n: 1.5 }
    const text = safeJson(value)
    assert.doesNotMatch(text, /[\p{C}\p{Zl}\p{Zp}]/u)
    assert.deepEqual(JSON.parse(text), value)
    assert.ok(text.includes('"模型":"🔥"'))
  })
})

describe('widthOf', () => {
  it('counts cells, not characters', () => {
    const widths = { llama: 5, 模型: 4, ｱｲｳ: 3, 'e\u0301': 1, '🔥': 2, 한국: 4, '👍🏽': 2, '…': 1 }
    for (const [text, width] of Object.entries(widths)) assert.equal(widthOf(text), width, text)
  })
})

describe('truncate', () => {
  it('cuts at a whole character and says that it did', () => {
    assert.equal(truncate('llama3', 6), 'llama3')
    assert.equal(truncate('llama3', 5), 'llam…')
    assert.equal(truncate('模型名字', 8), '模型名字')
    assert.equal(truncate('模型名字', 6), '模型…')
    assert.equal(truncate('llama3', 1), '…')
    assert.equal(truncate('llama3', 0), '')
  })

  it('is never wider than asked, whatever the text', () => {
    for (const text of ['llama3.2', '模型 model 名字', '🔥🔥🔥', 'e\u0301e\u0301e\u0301x']) {
      for (let width = 0; width < 12; width++) assert.ok(widthOf(truncate(text, width)) <= width)
    }
  })
})
