import assert from 'node:assert/strict'
import { it } from 'node:test'
import { didYouMean, nearMiss } from '../../src/config/near-miss.ts'

const KNOWN = ['ollama_url', 'proxy_port', 'proxy_host', 'models', 'log_level', 'log_file']

it('finds the word behind a dropped, doubled, wrong or swapped letter', () => {
  assert.equal(nearMiss('proxy_prt', KNOWN), 'proxy_port')
  assert.equal(nearMiss('proxy_portt', KNOWN), 'proxy_port')
  assert.equal(nearMiss('proxi_port', KNOWN), 'proxy_port')
  assert.equal(nearMiss('proxy_prot', KNOWN), 'proxy_port')
  assert.equal(nearMiss('modles', KNOWN), 'models')
})

it('counts neither case nor dashes', () => {
  assert.equal(nearMiss('PROXY-HOST', KNOWN), 'proxy_host')
})

it('prefers the nearest', () => {
  assert.equal(nearMiss('log_levl', KNOWN), 'log_level')
})

it('stays silent when nothing is near', () => {
  assert.equal(nearMiss('colour', KNOWN), undefined)
  assert.equal(nearMiss('x', KNOWN), undefined)
  assert.equal(nearMiss('x'.repeat(1_000_000), KNOWN), undefined)
  assert.equal(didYouMean('colour', KNOWN), '')
  assert.equal(didYouMean('model', KNOWN), '; did you mean models?')
})
