import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type ClassRule,
  classByHeaders,
  classByTier,
  classInForce,
  usualMaxClass,
} from '../../src/callers/call-class.ts'
import type { CallClass } from '../../src/callers/caller.ts'
import { DEFAULT_RULES } from '../config/support/default-rules.ts'

const byHeaders = (headers: Readonly<Record<string, string>>, rules: readonly ClassRule[] = DEFAULT_RULES) =>
  classByHeaders({ header: (name) => headers[name] }, rules)

describe('the class that headers ask for', () => {
  const SAID: readonly (readonly [Readonly<Record<string, string>>, CallClass | undefined])[] = [
    [{}, undefined],
    [{ 'x-queue-class': 'batch' }, 'batch'],
    [{ 'x-queue-class': ' Interactive\t' }, 'interactive'],
    [{ 'x-queue-class': 'normal', 'x-openwebui-task': 'title_generation' }, 'normal'],
    [{ 'x-queue-class': 'urgent', 'x-openwebui-task': 'title_generation' }, 'batch'],
    [{ 'x-openwebui-task': 'tags_generation', 'x-queue-priority': 'high' }, 'batch'],
    [{ 'x-queue-priority': 'high' }, 'interactive'],
    [{ 'x-queue-priority': 'MEDIUM' }, 'normal'],
    [{ 'x-queue-priority': 'normal' }, 'normal'],
    [{ 'x-queue-priority': 'low' }, 'batch'],
    [{ 'x-queue-priority': 'interactive', 'x-request-priority': 'low' }, 'interactive'],
    [{ 'x-queue-priority': '5', 'x-request-priority': 'low' }, 'batch'],
    [{ 'x-request-priority': 'batch' }, 'batch'],
  ]
  for (const [headers, asked] of SAID)
    it(`is ${asked ?? 'none'} with ${JSON.stringify(headers)}`, () => assert.equal(byHeaders(headers), asked))

  it('is none for words that are none, however they come', () => {
    for (const value of [
      '',
      ' ',
      '0',
      'urgent',
      'batch, batch',
      'batch, interactive',
      'interactive;q=1',
      '"batch"',
      '__proto__',
      'constructor',
      'b\u0430tch',
      'batch\u0000',
      `batch${' '.repeat(100_000)}`,
      'x'.repeat(200_000),
    ])
      for (const name of ['x-queue-class', 'x-queue-priority', 'x-request-priority'])
        assert.equal(byHeaders({ [name]: value }), undefined, `${name}: ${value.slice(0, 40)}`)
  })

  it('of Open WebUI is none for a chat: its header is empty, or was not filled in', () => {
    for (const value of ['', '  ', ', ', '{{TASK}}', ' {{TASK}} '])
      assert.equal(byHeaders({ 'x-openwebui-task': value }), undefined, value)
    for (const value of ['title_generation', 'x'.repeat(100_000), '\u65e5\u672c', 'a, a'])
      assert.equal(byHeaders({ 'x-openwebui-task': value }), 'batch')
  })

  it('follows the rules that are set, the first that matches, and the accepted headers behind all of them', () => {
    const rules: ClassRule[] = [{ header: 'x-tier' }, ...DEFAULT_RULES.slice(1)]
    assert.equal(byHeaders({ 'x-tier': 'batch', 'x-queue-class': 'interactive' }, rules), 'batch')
    assert.equal(byHeaders({ 'x-queue-class': 'batch' }, rules), undefined)
    assert.equal(byHeaders({ 'x-tier': 'gold', 'x-openwebui-task': 'x' }, rules), 'batch')
    assert.equal(byHeaders({ 'x-queue-priority': 'low' }, []), 'batch')
  })
})

describe('the class that a service_tier asks for', () => {
  it('is that of flex and priority, and none of all other tiers', () => {
    assert.equal(classByTier('flex'), 'batch')
    assert.equal(classByTier('priority'), 'interactive')
    for (const tier of [undefined, '', 'auto', 'default', 'scale', 'Flex', 'batch', '__proto__'])
      assert.equal(classByTier(tier), undefined)
  })
})

describe('the class in force', () => {
  it('is the one asked for, else that of the key, else normal, and at most max_class', () => {
    const key = (name: CallClass, maxClass = usualMaxClass(name)) => ({ class: name, maxClass })
    const cases: readonly (readonly [
      CallClass | undefined,
      ReturnType<typeof key> | undefined,
      CallClass,
    ])[] = [
      [undefined, undefined, 'normal'],
      ['interactive', undefined, 'normal'],
      ['batch', undefined, 'batch'],
      [undefined, key('batch'), 'batch'],
      ['normal', key('batch'), 'normal'],
      ['interactive', key('batch'), 'normal'],
      ['normal', key('batch', 'batch'), 'batch'],
      [undefined, key('interactive'), 'interactive'],
      ['batch', key('interactive'), 'batch'],
      ['interactive', key('normal', 'interactive'), 'interactive'],
      [undefined, key('interactive', 'batch'), 'batch'],
    ]
    for (const [asked, of, expected] of cases)
      assert.equal(classInForce(asked, of), expected, `${asked} of ${JSON.stringify(of)}`)
  })
})
