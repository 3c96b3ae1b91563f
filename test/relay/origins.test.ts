import assert from 'node:assert/strict'
import test from 'node:test'
import { Origins } from '../../src/relay/origins.ts'

const HOST = '127.0.0.1:8080'
const EXPOSED = {
  'Access-Control-Expose-Headers':
    'Retry-After, retry-after-ms, x-should-retry, X-Request-Id, X-Queue-Wait-Ms, Server-Timing',
}
const allowed = (origin: string) => ({ 'Access-Control-Allow-Origin': origin, ...EXPOSED, Vary: 'Origin' })

test('pages that Ollama lets in by default are let in', () => {
  const origins = new Origins()
  for (const origin of [
    'http://localhost',
    'https://localhost:3000',
    'http://127.0.0.1:5173',
    'https://0.0.0.0',
    'app://obsidian.md',
    'file://',
    'tauri://localhost',
    'vscode-webview://1abc',
    'vscode-file://vscode-app',
  ]) {
    assert.deepEqual(origins.headersFor(origin, HOST), allowed(origin))
  }
})

test('other pages are not', () => {
  const origins = new Origins()
  for (const origin of [
    'https://evil.example',
    'http://localhost.evil.example',
    'http://localhost:3000.evil.example',
    'http://127.0.0.10',
    'null',
    'ftp://localhost',
    'moz-extension://x',
  ]) {
    assert.deepEqual(origins.headersFor(origin, HOST), {}, origin)
  }
})

test('who is no page, or one of our own, needs nothing', () => {
  const origins = new Origins()
  assert.deepEqual(origins.headersFor(undefined, HOST), {})
  assert.deepEqual(origins.headersFor('', HOST), {})
  assert.deepEqual(origins.headersFor('http://127.0.0.1:8080', HOST), {})
  assert.deepEqual(origins.headersFor('https://127.0.0.1:8080', HOST), {})
  assert.deepEqual(origins.headersFor('http://127.0.0.1:8080', undefined), allowed('http://127.0.0.1:8080'))
})

test("what Ollama's answers show overrules the defaults, the latest first", () => {
  const origins = new Origins()
  origins.learn('https://chat.example', 'https://chat.example')
  origins.learn('http://localhost:3000', undefined)
  assert.deepEqual(origins.headersFor('https://chat.example', HOST), allowed('https://chat.example'))
  assert.deepEqual(origins.headersFor('http://localhost:3000', HOST), {})
  origins.learn('https://chat.example', undefined)
  origins.learn('http://localhost:3000', 'http://localhost:3000')
  assert.deepEqual(origins.headersFor('https://chat.example', HOST), {})
  assert.deepEqual(origins.headersFor('http://localhost:3000', HOST), allowed('http://localhost:3000'))
})

test('an Ollama that lets everybody in is known by one answer, until another shows otherwise', () => {
  const origins = new Origins()
  origins.learn('https://a.example', '*')
  assert.deepEqual(origins.headersFor('https://b.example', HOST), {
    'Access-Control-Allow-Origin': '*',
    ...EXPOSED,
  })
  origins.learn('https://a.example', undefined)
  assert.deepEqual(origins.headersFor('https://b.example', HOST), {})
})

test('a thousand origins are remembered, the longest unseen forgotten first', () => {
  const origins = new Origins()
  const page = (i: number) => `https://${i}.example`
  for (let i = 0; i < 1_000; i++) origins.learn(page(i), page(i))
  origins.learn(page(0), page(0))
  origins.learn(page(1_000), page(1_000))
  assert.deepEqual(origins.headersFor(page(1), HOST), {})
  for (const i of [0, 2, 999, 1_000]) assert.deepEqual(origins.headersFor(page(i), HOST), allowed(page(i)))
})

test('an absurdly long origin is not remembered', () => {
  const origins = new Origins()
  const origin = `https://${'x'.repeat(400)}.example`
  origins.learn(origin, origin)
  assert.deepEqual(origins.headersFor(origin, HOST), {})
})
