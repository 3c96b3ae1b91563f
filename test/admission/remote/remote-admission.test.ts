import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Call, Permit, Ticket } from '../../../src/admission/contract.ts'
import { Refusal } from '../../../src/admission/refusal.ts'
import { LEASE_MS, RENEW_EVERY_MS } from '../../../src/admission/remote/protocol.ts'
import { RemoteAdmission } from '../../../src/admission/remote/remote-admission.ts'
import { aCall, OLLAMA } from '../support/builders.ts'
import { A_REQUEST, RemoteWorld, Wire } from './support/remote-world.ts'

const settle = () => new Promise(setImmediate)

/** A Worker and its gate. */
function aPair(limits = { parallel: 1, queue: 10 }, ordered = false) {
  const world = new RemoteWorld(limits, { turns: { ordered } })
  const wire = new Wire(world)
  let ids = 0
  let alive = 0
  const admission = new RemoteAdmission({
    clock: world.clock,
    upstream: OLLAMA,
    connect: () => wire.connect(),
    newId: () => `call-${ids++}`,
    keepAlive: (work) => {
      alive++
      work.then(() => alive--)
    },
  })
  /** Lets time pass in steps short enough for what follows from one another. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      world.pass(Math.min(left, 100))
      await settle()
    }
  }
  const ask = (waitMs = 60_000, call: Partial<Call> = {}) => {
    return watch(admission.acquire(aCall({ deadline: world.clock.now() + waitMs, bytes: 1, ...call })))
  }
  return { world, wire, pass, ask, alive: () => alive }
}

function watch(ticket: Ticket) {
  const results: (Permit | Refusal)[] = []
  let lost = 0
  ticket.onSettled((result) => {
    results.push(result)
    if (!(result instanceof Refusal)) result.onLost?.(() => lost++)
  })
  const slot = (): Permit => {
    const [result] = results
    assert.ok(result && !(result instanceof Refusal), 'it has a slot')
    return result
  }
  const refusal = (): string | undefined => {
    const [result] = results
    return result instanceof Refusal ? result.code : undefined
  }
  return { ticket, results, slot, refusal, lost: () => lost }
}

describe('a place from afar', () => {
  it('is that of the line, and of no line once the call has its slot or the gate is out of reach', async () => {
    const { wire, ask } = aPair()
    const [first, second, third] = [ask(), ask(), ask()]
    await settle()
    assert.equal(await first.ticket.place?.(), undefined)
    assert.equal((await second.ticket.place?.())?.position, 1)
    assert.deepEqual(await third.ticket.place?.(), { position: 2, waitingFor: 'slot', startsInMs: undefined })
    first.slot().release('done', 0)
    await settle()
    assert.equal((await third.ticket.place?.())?.position, 1)
    wire.cut = true
    assert.equal(await third.ticket.place?.(), undefined)
  })
})

describe('a slot from afar', () => {
  it('is held while the call runs, renewed, and given back once', async () => {
    const { world, wire, pass, ask, alive } = aPair()
    const a = ask()
    await settle()
    const slot = a.slot()
    await pass(5 * LEASE_MS)
    assert.equal(world.lane.active, 1)
    assert.equal(a.lost(), 0)
    assert.equal(wire.sent.filter((what) => what === 'renew').length, (5 * LEASE_MS) / RENEW_EVERY_MS)
    slot.release('done', 0)
    slot.release('failed', 0)
    await settle()
    assert.deepEqual(world.lane, { active: 0, queued: 0 })
    assert.equal(wire.sent.filter((what) => what === 'release').length, 1)
    assert.deepEqual([alive(), world.clock.pending], [0, 0], 'nothing is left behind')
  })

  it('tells how long the call stood in line', async () => {
    const { world, pass, ask } = aPair()
    const a = ask()
    const b = ask()
    await pass(3_000)
    assert.equal(b.results.length, 0)
    a.slot().release('done', world.clock.now())
    await settle()
    assert.equal(b.slot().waitMs, 3_000)
  })

  it('that is refused comes with the facts of the gate', async () => {
    const { ask, alive } = aPair({ parallel: 1, queue: 0 })
    ask()
    const b = ask()
    await settle()
    const [refusal] = b.results
    assert.ok(refusal instanceof Refusal)
    assert.equal(refusal.code, 'queue_full')
    assert.ok((refusal.facts.retryAfterMs ?? 0) >= 1_000)
    assert.equal(alive(), 1, 'only the first')
  })

  it('whose client leaves the line gives up its ticket at once', async () => {
    const { world, ask, alive } = aPair()
    ask()
    const b = ask()
    await settle()
    assert.equal(world.lane.queued, 1)
    assert.equal(b.ticket.cancel(world.clock.now()), true)
    assert.equal(b.ticket.cancel(world.clock.now()), false)
    await settle()
    assert.equal(b.refusal(), 'cancelled')
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
    assert.equal(alive(), 1)
  })

  it('whose client leaves at any moment of the asking is nobody else’s loss', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { world, ask, alive } = aPair()
      const a = ask()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const [slot] = a.results
      if (!a.ticket.cancel(0) && slot && !(slot instanceof Refusal)) slot.release('cancelled', 0)
      await settle()
      assert.deepEqual(world.lane, { active: 0, queued: 0 }, `after ${turns} turns`)
      assert.deepEqual([alive(), world.clock.pending], [0, 0], `after ${turns} turns`)
    }
  })

  it('that does not come is refused a moment after the deadline, though the gate says nothing', async () => {
    const { wire, world, pass, ask } = aPair()
    ask()
    await settle()
    const b = ask(3_000)
    await settle()
    wire.cut = true
    world.leases.admission.configure('llama2', { parallel: 1 })
    // Nobody runs the gate any more: its own deadline is never looked at.
    for (let second = 0; second < 5; second++) {
      await pass(0)
      world.clock.advance(1_000)
      await settle()
    }
    assert.equal(b.refusal(), 'timeout')
  })
})

describe('a call whose model has to be loaded', () => {
  const tellsOf = ({ sent }: Wire) => sent.filter((what) => what === 'began').length
  const stateOf = ({ leases }: RemoteWorld) => leases.admission.turns.runners().map(({ state }) => state)

  it('comes to the gate with its work and its load options', async () => {
    const { world, ask } = aPair()
    ask(60_000, { slots: 0, work: 'load', options: 'num_ctx=4096', keepsLoaded: false })
    await settle()
    const [row] = world.storage.rows.values()
    assert.deepEqual(
      [row?.slots, row?.work, row?.options, row?.keepsLoaded],
      [0, 'load', 'num_ctx=4096', false],
    )
  })

  it('tells the gate once that Ollama answers, and calls of a loaded model tell nothing', async () => {
    const { world, wire, ask } = aPair({ parallel: 2, queue: 10 }, true)
    const a = ask()
    await settle()
    assert.deepEqual(stateOf(world), ['loading'])
    for (let times = 0; times < 2; times++) a.slot().began?.(world.clock.now())
    await settle()
    assert.deepEqual([stateOf(world), tellsOf(wire)], [['loaded'], 1])
    const b = ask()
    await settle()
    b.slot().began?.(world.clock.now())
    assert.equal(tellsOf(wire), 1)
  })

  it('goes on when the gate does not hear of it, and its release tells the same', async () => {
    const { world, wire, ask, alive } = aPair({ parallel: 2, queue: 10 }, true)
    const a = ask()
    await settle()
    wire.cut = true
    a.slot().began?.(world.clock.now())
    await settle()
    assert.deepEqual([stateOf(world), a.lost()], [['loading'], 0])
    wire.cut = false
    a.slot().release('done', world.clock.now(), { served: true, loadMs: 2_000 })
    await settle()
    assert.deepEqual(stateOf(world), ['loaded'])
    assert.deepEqual([world.lane.active, alive()], [0, 0])
  })
})

describe('a gate that restarts', () => {
  it('gives those in line a ticket again, and nobody a slot twice', async () => {
    const { world, wire, pass, ask } = aPair()
    const a = ask()
    const b = ask()
    await settle()
    wire.restart()
    await pass(500)
    assert.deepEqual(world.lane, { active: 1, queued: 1 })
    assert.deepEqual([a.lost(), b.results.length], [0, 0])
    a.slot().release('done', 0)
    await pass(500)
    b.slot()
    assert.deepEqual(world.lane, { active: 1, queued: 0 })
  })

  it('while a slot is renewed hears of it a moment later', async () => {
    const { world, wire, pass, ask } = aPair()
    const a = ask()
    await pass(RENEW_EVERY_MS - 200)
    wire.restart()
    await pass(2 * LEASE_MS)
    assert.equal(a.lost(), 0)
    assert.equal(world.lane.active, 1)
  })

  it('while a slot is given back hears of that too', async () => {
    const { world, wire, pass, ask, alive } = aPair()
    const a = ask()
    await settle()
    wire.restart()
    a.slot().release('done', 0)
    await pass(500)
    assert.deepEqual([world.lane.active, alive()], [0, 0])
  })

  it('again and again is given up in time to tell the client', async () => {
    const { wire, pass, ask } = aPair()
    wire.cut = true
    const a = ask()
    await pass(5_000)
    assert.equal(a.refusal(), 'shutting_down')
  })
})

describe('a gate out of reach', () => {
  it('makes a call stop before its slot can be another’s', async () => {
    const { world, wire, pass, ask } = aPair()
    const a = ask()
    await pass(RENEW_EVERY_MS)
    wire.cut = true
    const b: unknown[] = []
    world.leases.acquire('b', { ...A_REQUEST, waitMs: 1e6 }, (turn) => b.push(turn))
    let lostAt = 0
    for (let step = 0; step < 400 && b.length === 0; step++) {
      await pass(100)
      if (a.lost() > 0 && lostAt === 0) lostAt = world.clock.now()
    }
    assert.ok(lostAt > 0, 'the call was told')
    assert.equal(b.length, 1, 'the slot went on to the next')
    assert.ok(lostAt < world.clock.now(), `told at ${lostAt}, handed on at ${world.clock.now()}`)
  })

  it('for a while is no loss', async () => {
    const { world, wire, pass, ask } = aPair()
    const a = ask()
    await pass(RENEW_EVERY_MS - 100)
    wire.cut = true
    await pass(10_000)
    wire.cut = false
    await pass(3 * LEASE_MS)
    assert.equal(a.lost(), 0)
    assert.equal(world.lane.active, 1)
  })

  it('that took a slot back says so at the next renewal', async () => {
    const { world, pass, ask } = aPair()
    const a = ask()
    await settle()
    world.leases.release('call-0', 'failed')
    await pass(RENEW_EVERY_MS)
    assert.equal(a.lost(), 1)
  })
})
