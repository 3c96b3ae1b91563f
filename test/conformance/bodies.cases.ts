import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { ConfigFile } from './config-file.ts'
import { quiet } from './occupied.ts'
import { Pair, type Target } from './pair.ts'
import { MIB, residentOf } from './process-memory.ts'
import { head, RawCall } from './raw-call.ts'

const LARGEST_BODY = 16 * MIB
const ALL_BODIES = 64 * MIB
/** Whose bodies would take 360 MiB together. */
const CALLS = 24
/** What was thrown away and is not collected while the process has nothing to do, on the laziest platform. */
const UNCOLLECTED = 100 * MIB
/** What the process may grow by besides the bodies: socket buffers, garbage that is not collected yet. */
const ROOM = 60 * MIB

export function bodies(target: Target): void {
  describe('bodies on their way into memory', () => {
    let config: ConfigFile
    let pair: Pair
    before(async () => {
      config = await ConfigFile.write(`max_body_size: ${LARGEST_BODY}\nmax_queue_bytes: ${ALL_BODIES}\n`)
      pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '500', '--prompt-rate', '1000000000'],
        serve: ['--config', config.path, '--parallel', '1'],
      })
    })
    after(async () => {
      await pair?.stop()
      await config.remove()
    })

    it('that come in chunks of one byte take little more than their bytes', async () => {
      const filling = target.gaps?.ownProcess ? MIB : 6 * MIB
      const resident = residentOf(pair.proxy)
      const call = new RawCall(pair.proxy.port)
      call.send(
        'POST /api/generate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
      )
      call.send(chunk('{"model":"llama3.2","stream":false,"options":{"num_predict":1},"prompt":"'))
      const single = '1\r\nx\r\n'.repeat(MIB / 16)
      for (let sent = 0; sent < filling; sent += MIB / 16) {
        call.send(single)
        await until('it is taken', () => call.socket.writableLength < MIB || call.closed, 30_000)
      }
      call.send(`${chunk('"}')}0\r\n\r\n`)
      await until('it is answered', () => call.status > 0, 60_000)
      assert.equal(call.status, 200)
      call.leave('fin')
      const now = residentOf(pair.proxy)
      const room = target.gaps?.promptCollection ? 2 * ROOM : ROOM
      if (resident && now)
        assert.ok(now.peak < resident.now + 2 * filling + room, `grew from ${resident.now} to ${now.peak}`)
    })

    it('that never come to their end are held up to the bound of all bodies, and the rest is refused', async () => {
      const resident = residentOf(pair.proxy)
      const piece = 'x'.repeat(MIB)
      const calls = Array.from({ length: CALLS }, () => new RawCall(pair.proxy.port))
      for (const call of calls) call.send(head('/api/generate', LARGEST_BODY))
      // One piece short of the whole, side by side.
      for (let sent = 1; sent < LARGEST_BODY / MIB; sent++) {
        for (const call of calls) if (call.status === 0 && !call.closed) call.send(piece)
        await until(
          'it is taken or refused',
          () => calls.every((call) => call.socket.writableLength < MIB || call.status > 0 || call.closed),
          30_000,
        )
      }
      // A connection that is closed while the client still sends may lose what was written to it.
      const refused = () =>
        calls.filter((call) => call.status === 503 || (call.closed && target.gaps?.ownParser))
      await until(
        'some are refused',
        () => refused().length >= CALLS - ALL_BODIES / (LARGEST_BODY - MIB),
        15_000,
      )
      assert.ok(calls.length - refused().length >= 3, 'those within the bound are waited for')
      for (const { status, received } of refused())
        if (status === 503) assert.match(received, /"error":"queue_full/)
      // What was refused is garbage by now, which some platforms collect seconds later.
      const bound = (resident?.now ?? 0) + ALL_BODIES + UNCOLLECTED
      await until('memory is within the bound', () => (residentOf(pair.proxy)?.now ?? 0) < bound, 15_000)
      for (const call of calls) call.leave('fin')
      await quiet(pair)
      const body = '{"model":"llama3.2","stream":false,"options":{"num_predict":1}}'
      assert.equal((await fetch(`${pair.proxy.url}/api/generate`, { method: 'POST', body })).status, 200)
    })

    it('that are refused may still be sent to their end, after which the answer is there to be read', async () => {
      const call = new RawCall(pair.proxy.port)
      const size = 48 * MIB
      call.send(head('/api/generate', size).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      call.socket.pause()
      const piece = 'x'.repeat(MIB)
      const startedAt = performance.now()
      for (let sent = 0; sent < size; sent += MIB) {
        call.send(piece)
        await until('it is taken', () => call.socket.writableLength < 4 * MIB || call.closed, 15_000)
        // In two seconds: longer than a client is waited for that sends nothing any more.
        await until('its time has come', () => performance.now() - startedAt >= (2_000 * sent) / size)
        if (call.closed && target.gaps?.ownParser) return
        assert.equal(call.closed, false, 'the connection was closed on a client that still sends')
      }
      call.socket.resume()
      await until('it is answered', () => call.received.includes('body_too_large'))
      assert.equal(call.status, 413)
      await until('the connection is closed', () => call.closed)
    })
  })
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}
