import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { it, type TestContext } from 'node:test'
import { showLive } from '../../../src/cli/top/live.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { until } from '../../support/until.ts'
import { busyPages } from '../support/pages.ts'
import { scriptedProxy } from '../support/scripted-proxy.ts'

class FakeKeyboard extends EventEmitter {
  readonly isTTY = true
  readonly modes: (boolean | string)[] = []
  setRawMode(raw: boolean) {
    this.modes.push(raw)
  }
  resume() {
    this.modes.push('resume')
  }
  pause() {
    this.modes.push('pause')
  }
}

class FakeOutput extends EventEmitter {
  columns = 120
  rows = 30
  written = ''
  write(text: string) {
    this.written += text
  }
}

class FakeProcess extends EventEmitter {
  readonly pid = 42
  readonly killed: unknown[] = []
  onKill = () => {}
  kill(pid: number, signal: string) {
    this.killed.push([pid, signal])
    this.onKill()
  }
}

async function live(t: TestContext, colour = false) {
  const proxy = await scriptedProxy(busyPages())
  t.after(() => proxy.close())
  const [keyboard, output, emitter, clock] = [
    new FakeKeyboard(),
    new FakeOutput(),
    new FakeProcess(),
    new ManualClock(),
  ]
  const ended = showLive(
    { url: proxy.url, clock, intervalMs: 1_000 },
    { keyboard, output, process: emitter, colour },
  )
  await until('the first frame', () => output.written.includes('k3f9a1-3'))
  await until('the pause after it', () => clock.pending === 1)
  return { proxy, keyboard, output, emitter, clock, ended }
}

it('gives terminal and keyboard back when q is pressed, and leaves nothing behind', async (t) => {
  const { keyboard, output, emitter, clock, ended } = await live(t)
  assert.deepEqual(keyboard.modes, [true, 'resume'])
  keyboard.emit('data', Buffer.from('x'))
  assert.equal(clock.pending, 1)
  keyboard.emit('data', Buffer.from('q'))
  assert.equal(await ended, 0)
  assert.deepEqual(keyboard.modes, [true, 'resume', false, 'pause'])
  assert.ok(output.written.endsWith('\x1b[?25h\x1b[?1049l'))
  assert.deepEqual([...emitter.eventNames(), ...output.eventNames(), ...keyboard.eventNames()], [])
  assert.equal(clock.pending, 0)
})

it('leaves on Ctrl-C with 0 and on a signal with 128 and its number', async (t) => {
  const key = await live(t)
  key.keyboard.emit('data', Buffer.from('\x03'))
  assert.equal(await key.ended, 0)
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const) {
    const { emitter, ended } = await live(t)
    emitter.emit(signal)
    assert.equal(await ended, code)
  }
})

it('dies of the signal when its terminal hangs up, after giving back what may still be there', async (t) => {
  const { emitter, output, ended } = await live(t)
  emitter.onKill = () => assert.ok(output.written.endsWith('\x1b[?25h\x1b[?1049l'))
  emitter.emit('SIGHUP')
  await ended
  assert.deepEqual(emitter.killed, [[42, 'SIGHUP']])
})

it('stops and wakes as its shell says, with the terminal given back in between', async (t) => {
  const { emitter, output, keyboard, ended } = await live(t)
  keyboard.emit('data', '\x1a')
  // The whole group, since npm may stand between it and the shell.
  assert.deepEqual(emitter.killed.splice(0), [[0, 'SIGTSTP']])
  emitter.onKill = () => {
    assert.ok(output.written.endsWith('\x1b[?25h\x1b[?1049l'))
    assert.equal(keyboard.modes.at(-1), false)
    assert.equal(emitter.listenerCount('SIGTSTP'), 0)
    output.written = ''
  }
  emitter.emit('SIGTSTP')
  assert.deepEqual(emitter.killed, [[42, 'SIGTSTP']])
  assert.equal(keyboard.modes.at(-1), true)
  assert.ok(output.written.startsWith('\x1b[?1049h') && output.written.includes('k3f9a1-3'))
  assert.equal(emitter.listenerCount('SIGTSTP'), 1)
  keyboard.emit('data', 'q')
  assert.equal(await ended, 0)
})

it('gives the terminal back when the process ends in another way', async (t) => {
  const { output, emitter, keyboard, ended } = await live(t)
  emitter.emit('exit')
  assert.ok(output.written.endsWith('\x1b[?25h\x1b[?1049l'))
  keyboard.emit('data', 'q')
  await ended
})

it('ends when the terminal is gone', async (t) => {
  const { output, ended } = await live(t)
  output.emit('error', new Error('EIO'))
  assert.equal(await ended, 0)
})

it('draws at once when the size changes', async (t) => {
  const { output, keyboard, ended } = await live(t)
  output.written = ''
  output.columns = 60
  output.emit('resize')
  assert.ok(output.written.includes('\x1b[2J'))
  assert.ok(output.written.includes('WAIT P95'))
  keyboard.emit('data', 'q')
  await ended
})

it('says that the proxy is gone and comes back with it', async (t) => {
  const { proxy, output, clock, keyboard, ended } = await live(t)
  proxy.close()
  clock.advance(1_000)
  await until('the loss is told', () => output.written.includes('connection lost, trying again'))
  await until('the pause after it', () => clock.pending === 1)
  const again = await scriptedProxy(busyPages(), proxy.port)
  t.after(() => again.close())
  output.written = ''
  clock.advance(1_000)
  // The alert moves up to where the loss stood.
  await until('the figures are back', () => output.written.includes('warning: llama2'))
  keyboard.emit('data', 'q')
  await ended
})

it('colours only when it may', async (t) => {
  for (const colour of [true, false]) {
    const { output, keyboard, ended } = await live(t, colour)
    assert.equal(output.written.includes('\x1b[32mhealthy'), colour)
    keyboard.emit('data', 'q')
    await ended
  }
})
