import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CHAT, LimitWorld } from './world.ts'

const HOUR = 3_600_000

/** An agent: a long prompt that the runner has in its cache, and a short answer. */
const AGENT = { promptTokens: () => 30, outputTokens: () => 20 }

describe('a client whose prompts take Ollama long before they need a slot', () => {
  it('does not lower the limit for everybody', () => {
    // Ollama renders the template, counts tokens and cuts the history before a call takes a slot.
    for (const [seed, overheadMs] of [
      [1, 200],
      [1, 500],
      [2, 500],
    ] as const) {
      const world = new LimitWorld({ inside: 4, outside: 4, overheadMs, seed })
      world.clients(1, AGENT)
      world.clients(7, CHAT)
      world.clock.advance(HOUR)
      world.stop()
      assert.deepEqual(
        world.changes.map(({ parallel }) => parallel),
        [],
        `${overheadMs} ms`,
      )
    }
  })
})
