import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ConfigInput, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'
import { options } from '../../src/config/schema.ts'
import { DEFAULT_RULES } from './support/default-rules.ts'

const load = (text: string, more: Partial<ConfigInput> = {}) =>
  loadConfig({ flags: {}, env: {}, ownAddresses: [], readFile: () => text, ...more }).config

function problems(...given: Parameters<typeof load>): string[] {
  try {
    load(...given)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
  return assert.fail('expected problems')
}

describe('fairness', () => {
  it('is on or off, in the file and the environment', () => {
    assert.equal(load('fairness: off').fairness, 'off')
    assert.equal(load('fairness: on').fairness, 'on')
    assert.equal(load('', { env: { FAIRNESS: 'OFF' } }).fairness, 'off')
    assert.deepEqual(problems('fairness: maybe'), [
      'config.yaml:1: fairness: expected one of on, off, got "maybe"',
    ])
  })
})

describe('classes and reserve', () => {
  it('keep what is left out', () => {
    assert.deepEqual(load('classes: { batch: 0.5 }').classes, { interactive: 8, normal: 3, batch: 0.5 })
    assert.deepEqual(load('classes:').classes, { interactive: 8, normal: 3, batch: 1 })
    assert.equal(load('', { env: { RESERVE: '2' } }).reserve, 2)
  })

  it('tell of every mistake at its own line', () => {
    assert.deepEqual(problems('classes:\n  interactiv: 2\n  normal: 0\n  batch: 1000001\nreserve: 1.5'), [
      'config.yaml:2: classes.interactiv: unknown key; did you mean interactive?',
      'config.yaml:3: classes.normal: expected a weight from 0.001 to 1000000, got 0',
      'config.yaml:4: classes.batch: expected a weight from 0.001 to 1000000, got 1000001',
      'config.yaml:5: reserve: expected an integer from 0 to 10000, got 1.5',
    ])
    assert.deepEqual(problems('classes: [8, 3, 1]'), [
      'config.yaml:1: classes: expected a map of interactive, normal and batch, with their weights, got a list of 3',
    ])
  })
})

describe('class_from', () => {
  const rules = (text: string) => load(text).class_from

  it('is two headers as installed, and as config.yaml shows them', () => {
    assert.deepEqual(rules(''), DEFAULT_RULES)
    const about = options.find(({ key }) => key === 'class_from')
    assert.deepEqual(rules(JSON.stringify({ class_from: about?.defaultWritten })), DEFAULT_RULES)
  })

  it('takes other rules, and none', () => {
    assert.deepEqual(rules('class_from: [{ header: X-Tier }]'), [{ header: 'x-tier' }])
    for (const none of ['class_from:', 'class_from: []']) assert.deepEqual(rules(none), [])
  })

  it('tells of every mistake at its own line', () => {
    const lines = [
      'class_from:',
      '  - X-Queue-Class',
      '  - { header: "X Queue" }',
      '  - { header: X-A, then: btach }',
      '  - { then: batch }',
      '  - { header: X-B, than: batch }',
    ]
    const noName = 'expected the name of a header, like X-Queue-Class, got'
    assert.deepEqual(problems(lines.join('\n')), [
      'config.yaml:2: class_from.0: expected a map of header and then, got "X-Queue-Class"',
      `config.yaml:3: class_from.1.header: ${noName} "X Queue"`,
      'config.yaml:4: class_from.2.then: expected one of interactive, normal, batch, got "btach"',
      `config.yaml:5: class_from.3.header: ${noName} nothing`,
      'config.yaml:6: class_from.4.than: unknown key; did you mean then?',
    ])
  })

  it('has at most 16 rules', () => {
    const many = (count: number) => `class_from: [${'{ header: X-A },'.repeat(count)}]`
    assert.equal(rules(many(16)).length, 16)
    assert.match(
      problems(many(17))[0] ?? '',
      /^config.yaml:1: class_from: expected a list of at most 16 rules/,
    )
  })
})
