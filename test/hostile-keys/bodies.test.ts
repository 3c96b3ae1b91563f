import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, it } from 'node:test'
import { bearer, keyRing } from '../conformance/key-ring.ts'
import { node, startProxy } from '../conformance/pair.ts'
import { until } from '../support/until.ts'
import { Recorder } from './recorder.ts'

const MIB = 2 ** 20

describe('bodies of one caller', () => {
  it('leave room for those of the others', async () => {
    const ollama = await Recorder.start()
    const proxy = await startProxy(node, ollama.url, [], {
      ...keyRing({ alice: { parallel: 1, queue: 1 }, bob: {} }),
      MAX_BODY_SIZE: `${MIB}`,
      MAX_QUEUE_BYTES: `${4 * MIB}`,
    })
    const sockets: net.Socket[] = []
    try {
      const body = JSON.stringify({ model: 'llama3.2', prompt: 'x'.repeat(MIB / 2) })
      const ask = () => fetch(`${proxy.url}/api/generate`, { method: 'POST', headers: bearer('bob'), body })
      assert.equal((await ask()).status, 200)
      let sent = 0
      let refused = 0
      for (let i = 0; i < 4; i++) {
        const socket = net.connect(proxy.port, '127.0.0.1')
        socket.on('error', () => {})
        socket.on('data', () => refused++)
        sockets.push(socket)
        const head = `POST /api/generate HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${bearer('alice').authorization}\r\nContent-Length: ${MIB}\r\n\r\n`
        // One byte is missing.
        socket.write(head + 'x'.repeat(MIB - 1), () => sent++)
      }
      await until('all bodies are sent but for a byte, or refused', () => sent === 4 && refused === 2)
      const answer = await ask()
      assert.equal(answer.status, 200, await answer.text())
    } finally {
      for (const socket of sockets) socket.destroy()
      await proxy.stop('SIGKILL')
      await ollama.stop()
    }
  })
})
