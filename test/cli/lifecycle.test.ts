import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'node:test'
import { onHangup, surviveStrayErrors, untilStopped } from '../../src/cli/lifecycle.ts'
import type { Log } from '../../src/telemetry/call-log.ts'

type Line = [level: string, message: string, fields?: Readonly<Record<string, unknown>>]

function aLog(): { log: Log; lines: Line[] } {
  const lines: Line[] = []
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(fields ? [level, message, fields] : [level, message])
  return {
    log: { call: () => {}, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    lines,
  }
}

function aProxy() {
  const { promise, resolve, reject } = promiseParts<'drained' | 'forced'>()
  const calls: string[] = []
  const running = {
    drain: () => {
      calls.push('drain')
      return promise
    },
    destroy: () => void calls.push('destroy'),
  }
  return { running, calls, drained: resolve, broken: reject }
}

function promiseParts<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: Error) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

describe('untilStopped', () => {
  it('drains on the first signal: 0 when all calls ended, 1 when some were cut', async () => {
    for (const [how, code] of [
      ['drained', 0],
      ['forced', 1],
    ] as const) {
      for (const signal of ['SIGTERM', 'SIGINT']) {
        const { running, calls, drained } = aProxy()
        const signals = new EventEmitter()
        const stopped = untilStopped(running, aLog().log, signals)
        assert.deepEqual(calls, [])
        signals.emit(signal)
        drained(how)
        assert.equal(await stopped, code)
        assert.deepEqual(calls, ['drain'])
        assert.equal(signals.listenerCount('SIGTERM') + signals.listenerCount('SIGINT'), 0)
      }
    }
  })

  it('ends at once on a second signal, of either kind, with 128 and its number', async () => {
    for (const [second, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { running, calls } = aProxy()
      const signals = new EventEmitter()
      const stopped = untilStopped(running, aLog().log, signals)
      signals.emit('SIGTERM')
      signals.emit(second)
      assert.equal(await stopped, code)
      assert.deepEqual(calls, ['drain', 'destroy'])
    }
  })

  it('ends with 1 when draining itself fails, and logs why', async () => {
    const { running, broken } = aProxy()
    const { log, lines } = aLog()
    const signals = new EventEmitter()
    const stopped = untilStopped(running, log, signals)
    signals.emit('SIGTERM')
    const error = new Error('no')
    broken(error)
    assert.equal(await stopped, 1)
    assert.deepEqual(lines.at(-1), ['error', 'draining failed', { error }])
  })
})

describe('onHangup', () => {
  it('calls back at every SIGHUP, and has nothing to listen to on Windows', () => {
    for (const [platform, expected] of [
      ['linux', 2],
      ['win32', 0],
    ] as const) {
      let heard = 0
      const source = Object.assign(new EventEmitter(), { platform })
      onHangup(() => heard++, source)
      source.emit('SIGHUP')
      source.emit('SIGHUP')
      assert.equal(heard, expected)
    }
  })
})

describe('surviveStrayErrors', () => {
  it('logs each stray error with its number and goes on', () => {
    const { log, lines } = aLog()
    const source = new EventEmitter()
    surviveStrayErrors(log, source)
    const [first, second] = [new Error('a'), new Error('b')]
    source.emit('uncaughtException', first)
    source.emit('unhandledRejection', second)
    assert.deepEqual(lines, [
      ['error', 'uncaught exception', { count: 1, error: first }],
      ['error', 'unhandled rejection', { count: 2, error: second }],
    ])
  })
})
