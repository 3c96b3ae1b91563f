import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientRoom, descriptorLimit, limitIn, limitOf } from '../../../src/runtimes/process/descriptors.ts'

describe('the limit of open descriptors', () => {
  it('is the soft one of /proc/self/limits', () => {
    const limits = [
      'Limit                     Soft Limit           Hard Limit           Units     ',
      'Max processes             127232               127232               processes ',
      'Max open files            1024                 524288               files     ',
    ]
    assert.equal(limitIn(limits.join('\n')), 1_024)
    assert.equal(limitIn(limits.join('\n').replace('1024  ', 'unlimited')), Number.POSITIVE_INFINITY)
  })
  it('is the soft one of a report where there is no /proc', () => {
    assert.equal(limitOf({ userLimits: { open_files: { soft: 256, hard: 'unlimited' } } }), 256)
    assert.equal(limitOf({ userLimits: { open_files: { soft: 'unlimited' } } }), Number.POSITIVE_INFINITY)
  })
  it('is taken for 1024 where nothing tells', () => {
    assert.equal(limitIn(''), 1_024)
    assert.equal(limitOf(undefined), 1_024)
  })
  it('is found on this machine', () => {
    assert.ok(descriptorLimit() >= 64)
  })
})

describe('the room for clients', () => {
  it('leaves a quarter for the way to Ollama, and more when more is used', () => {
    assert.equal(clientRoom(1_024, 0), 704)
    assert.equal(clientRoom(1_024, 256), 704)
    assert.equal(clientRoom(1_024, 300), 660)
  })
  it('is never none', () => {
    assert.equal(clientRoom(64, 0), 16)
    assert.equal(clientRoom(1_024, 2_000), 16)
  })
  it('has no end without a limit', () => {
    assert.equal(clientRoom(Number.POSITIVE_INFINITY, 10), Number.POSITIVE_INFINITY)
  })
})
