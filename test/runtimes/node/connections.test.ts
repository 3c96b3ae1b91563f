import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Connections } from '../../../src/runtimes/node/connections.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const IDLE_MS = 120_000

/** Connections with room for `room` of them. `refused`: names of the clients that heard that their head took too long. */
function withConnections(room: number) {
  const clock = new ManualClock()
  const limit = { room }
  const refused: string[] = []
  const connections = new Connections<Client>({
    clock,
    room: () => limit.room,
    idleMs: IDLE_MS,
    refuse: (client) => {
      refused.push(client.name)
      client.destroy()
    },
  })
  const connect = (name: string): Client => {
    const client = new Client(name)
    connections.opened(client)
    return client
  }
  /** A connection whose request was answered. */
  const idle = (name: string): Client => {
    const client = connect(name)
    connections.callEnded(connections.callBegan(client, WHOLE, anAnswer()))
    return client
  }
  return { clock, limit, refused, connections, connect, idle }
}

class Client {
  readonly name: string
  open = true

  constructor(name: string) {
    this.name = name
  }

  destroy(): void {
    this.open = false
  }
}

const WHOLE = { complete: true }
const anAnswer = (writableEnded = false) => ({ headersSent: false, writableEnded })
const stillOpen = (clients: readonly Client[]) => clients.filter(({ open }) => open).map(({ name }) => name)

describe('without room for one more connection', () => {
  it('half-open ones make way before kept ones, the oldest first', () => {
    const { clock, connect, idle } = withConnections(4)
    const clients = [idle('kept 1'), connect('half 1'), connect('half 2'), idle('kept 2')]
    clock.advance(2_000)
    clients.push(connect('new 1'))
    assert.deepEqual(stillOpen(clients), ['kept 1', 'half 2', 'kept 2', 'new 1'])
    clients.push(connect('new 2'))
    assert.deepEqual(stillOpen(clients), ['kept 1', 'kept 2', 'new 1', 'new 2'])
    clients.push(connect('new 3'))
    assert.deepEqual(stillOpen(clients), ['kept 2', 'new 1', 'new 2', 'new 3'])
  })

  it('a burst of newcomers does not end itself while others are idle', () => {
    const { connect, idle } = withConnections(4)
    const clients = [idle('kept 1'), idle('kept 2')]
    for (let count = 1; count <= 4; count++) clients.push(connect(`new ${count}`))
    assert.deepEqual(stillOpen(clients), ['new 1', 'new 2', 'new 3', 'new 4'])
  })

  it('the one that was used last is the last to go', () => {
    const { connections, connect, idle } = withConnections(2)
    const [first, second] = [idle('first'), idle('second')]
    connections.callEnded(connections.callBegan(first, WHOLE, anAnswer()))
    connect('new')
    assert.deepEqual(stillOpen([first, second]), ['first'])
  })

  it('calls whose body is still on the way make way last, the oldest first', () => {
    const { connections, connect, idle } = withConnections(4)
    const clients = [connect('slow 1'), connect('whole'), connect('slow 2')]
    const bodies = [{ complete: false }, WHOLE, { complete: false }]
    clients.forEach((client, at) => {
      connections.callBegan(client, bodies[at] ?? WHOLE, anAnswer())
    })
    clients.push(idle('kept'), connect('call 1'))
    assert.deepEqual(stillOpen(clients), ['slow 1', 'whole', 'slow 2', 'call 1'])
    connections.callBegan(clients[4] ?? assert.fail(), WHOLE, anAnswer())
    clients.push(connect('new'))
    assert.deepEqual(stillOpen(clients), ['whole', 'slow 2', 'call 1', 'new'])
  })

  it('an upload that is being answered already stays', () => {
    const { connections, connect } = withConnections(1)
    const upload = connect('upload')
    connections.callBegan(upload, { complete: false }, { headersSent: true, writableEnded: false })
    assert.equal(connections.opened(new Client('new')), false)
    assert.equal(upload.open, true)
  })

  it('none with a call on it makes way, and the newcomer is closed', () => {
    const { connections, connect } = withConnections(2)
    const clients = [connect('a'), connect('b')]
    const calls = clients.map((client) => connections.callBegan(client, WHOLE, anAnswer(true)))
    const refused = new Client('refused')
    assert.equal(connections.opened(refused), false)
    assert.equal(refused.open, false)
    assert.deepEqual([stillOpen(clients), connections.size], [['a', 'b'], 2])
    for (const call of calls) connections.callEnded(call)
    assert.equal(connections.opened(new Client('later')), true)
  })

  it('a page that is being made stays, one whose body does not come or that is not read makes way', () => {
    const { connections, connect } = withConnections(3)
    const clients = [connect('made'), connect('body'), connect('unread')]
    const [made, body, unread] = clients
    assert.ok(made && body && unread)
    connections.pageBegan(unread, { complete: true }, anAnswer(true))
    connections.pageBegan(made, { complete: true }, anAnswer())
    connections.pageBegan(body, { complete: false }, anAnswer())
    const [first, second] = [connect('first'), connect('second')]
    assert.deepEqual(stillOpen(clients), ['made', 'unread'])
    for (const client of [first, second]) connections.callBegan(client, WHOLE, anAnswer())
    connect('third')
    assert.deepEqual(stillOpen(clients), ['made'])
  })

  it('a part of it is freed at once, so that a flood is not searched through for each newcomer', () => {
    const { clock, connections, connect } = withConnections(160)
    for (let count = 0; count < 160; count++) connect(`half ${count}`)
    clock.advance(2_000)
    const sizes = Array.from({ length: 12 }, (_, index) => {
      connect(`new ${index}`)
      return connections.size
    })
    assert.deepEqual(sizes, [150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 150])
  })

  it('fewer descriptors are left when more are used for Ollama', () => {
    const { limit, connections, idle } = withConnections(100)
    const clients = Array.from({ length: 60 }, (_, index) => idle(`${index}`))
    limit.room = 50
    idle('new')
    assert.equal(connections.size, 47)
    assert.equal(stillOpen(clients)[0], '14')
  })
})

describe('a connection on which nothing more is said', () => {
  it('is closed once it is idle for too long, whatever drips in', () => {
    const { clock, idle } = withConnections(10)
    const client = idle('kept')
    clock.advance(IDLE_MS)
    assert.equal(client.open, true)
    clock.advance(5_000)
    assert.equal(client.open, false)
  })

  it('counts from its last answer', () => {
    const { connections, clock, idle } = withConnections(10)
    const client = idle('kept')
    clock.advance(IDLE_MS - 5_000)
    const call = connections.callBegan(client, WHOLE, anAnswer())
    clock.advance(10 * IDLE_MS)
    connections.callEnded(call)
    clock.advance(IDLE_MS)
    assert.equal(client.open, true)
    clock.advance(5_000)
    assert.equal(client.open, false)
  })

  it('is closed within 30 s when the body of an answered page does not come', () => {
    const { connections, clock, connect } = withConnections(10)
    const [late, whole] = [connect('late'), connect('whole')]
    const arriving = { complete: false }
    for (const [client, request] of [
      [late, { complete: false }],
      [whole, arriving],
    ] as const)
      connections.pageEnded(connections.pageBegan(client, request, anAnswer()))
    arriving.complete = true
    clock.advance(20_000)
    assert.deepEqual([late.open, whole.open], [true, true])
    clock.advance(10_000)
    assert.deepEqual([late.open, whole.open], [false, true])
  })
})

describe('a head that takes too long', () => {
  it('ends a connection with nothing else on it', () => {
    const { connections, connect } = withConnections(10)
    assert.equal(connections.headOverdue(connect('half')), true)
  })

  it('behind an answer ends nothing before that answer is over', () => {
    const { connections, clock, refused, connect } = withConnections(10)
    const client = connect('pipelining')
    const call = connections.callBegan(client, WHOLE, anAnswer())
    assert.equal(connections.headOverdue(client), false)
    clock.advance(600_000)
    assert.equal(client.open, true)
    connections.callEnded(call)
    clock.advance(5_000)
    assert.deepEqual([client.open, refused], [false, ['pipelining']])
  })

  it('and comes after all is served', () => {
    const { connections, clock, refused, connect } = withConnections(10)
    const client = connect('pipelining')
    const call = connections.callBegan(client, WHOLE, anAnswer())
    connections.headOverdue(client)
    connections.callEnded(call)
    const next = connections.callBegan(client, WHOLE, anAnswer())
    clock.advance(60_000)
    connections.callEnded(next)
    clock.advance(60_000)
    assert.deepEqual([client.open, refused], [true, []])
  })
})

it('without connections no timer runs', () => {
  const { connections, clock, connect } = withConnections(10)
  const client = connect('short')
  assert.equal(clock.pending, 1)
  connections.closed(client)
  clock.advance(5_000)
  assert.equal(clock.pending, 0)
})
