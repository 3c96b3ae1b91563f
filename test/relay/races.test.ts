import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { longFrame } from '../ollama/support/zstd-frames.ts'
import { leftovers, NOTHING, relayHarness } from './support/relay-harness.ts'

/** One thing that happens to one of the calls, or to all of them. */
const step = fc.record({
  what: fc.constantFrom(
    ...(['arrive', 'body', 'packed', 'begin', 'send', 'end', 'break', 'leave', 'advance', 'turn'] as const),
    ...(['cancel', 'pause', 'resume'] as const),
  ),
  which: fc.nat(7),
  ms: fc.constantFrom(1, 100, 1_000, 3_000),
})

/** The queue keys of calls that arrive. The other calls have none. */
const KEYS: readonly Readonly<Record<string, string>>[] = [
  { 'x-queue-key': 'one' },
  { 'x-queue-key': 'one', 'x-queue-key-running': 'cancel' },
  { 'x-queue-key': 'two', 'x-queue-key-running': 'cancel' },
  { 'x-queue-key': 'two' },
]

const BODY = '{"model":"llama2"}'
const PACKED = longFrame('{}')

it('whatever happens in whatever order, each slot comes back once and each call is told once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, parallel) => {
        const house = relayHarness({ parallel, queue: 2, maxBodyBytes: 2e6 })
        const calls: ReturnType<typeof house.start>[] = []
        const cancelledUnsent: (typeof calls)[number][] = []
        for (const { what, which, ms } of steps) {
          const at = which % Math.max(1, calls.length)
          const call = calls[at]
          const client = call?.client
          if (what === 'arrive') {
            const headers = { 'x-request-id': `call-${calls.length}`, 'content-encoding': 'zstd' }
            calls.push(house.start({ target: '/v1/responses', headers: { ...headers, ...KEYS[which] } }))
          } else if (what === 'packed') client?.sendBody(PACKED)
          else if (what === 'cancel') {
            if (house.relay.cancel(`call-${at}`) && call && !call.client.forwarding)
              cancelledUnsent.push(call)
          } else if (what === 'pause' || what === 'resume')
            house.admission.pause(which < 4 ? 'llama2' : '*', what === 'pause')
          else if (what === 'body') client?.sendBody(BODY)
          else if (what === 'begin') client?.forwarding?.begin()
          else if (what === 'send') client?.forwarding?.send('{}\n')
          else if (what === 'end') client?.forwarding?.begin().end()
          else if (what === 'break') client?.forwarding?.break()
          else if (what === 'leave') client?.leave()
          else if (what === 'advance') house.clock.advance(ms)
          else await house.settle()
          assert.ok(house.lane().active <= parallel)
        }
        for (const { client } of calls) client.leave()
        for (let turn = 0; house.finished.length < calls.length && turn < 50; turn++) {
          await house.settle()
          house.clock.advance(0)
        }
        await Promise.all(calls.map(({ result }) => result))
        for (const { client, result } of cancelledUnsent) {
          assert.equal(client.forwarding, undefined)
          assert.match(await result, /^(?:cancelled|superseded)$/)
        }
        assert.deepEqual([...house.relay.live()], [])
        assert.deepEqual(leftovers(house), NOTHING)
        assert.equal(house.finished.length, calls.length)
        const sent = calls.filter(({ client }) => client.forwarding?.sent?.length === BODY.length).length
        // A slot whose client was gone before anything was sent is given back too.
        assert.ok(house.released.length >= sent)
      },
    ),
    { numRuns: 400 },
  )
})
