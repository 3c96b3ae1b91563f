import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AlertEvent } from '../../src/alerts/alert.ts'
import { Mismatches } from '../../src/alerts/mismatches.ts'
import { type StuckModel, stuckMismatches } from '../../src/alerts/stuck-models.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ManualClock } from '../support/manual-clock.ts'

function aStuckModel(change: Partial<StuckModel> = {}): StuckModel {
  return {
    model: 'llama3.2',
    names: ['llama3.2', 'twin'],
    silentMs: 75_400,
    foundAfterMs: 65_250,
    active: 4,
    queued: 12,
    ...change,
  }
}

const rulesOf = (text: string) =>
  loadConfig({ flags: {}, env: { CONFIG_FILE: 'x' }, readFile: () => text, ownAddresses: [] }).config.alerts

describe('the alert model_stuck', () => {
  it('says which models, since when, how many wait, and what to do', () => {
    const [alert] = stuckMismatches([aStuckModel()])
    assert.deepEqual(alert, {
      metric: 'model_stuck',
      model: 'llama3.2',
      level: 'critical',
      value: 75,
      threshold: 65,
      unit: 'seconds',
      message:
        'Ollama does not get on with llama3.2 and twin: nothing has moved for 75 s; 4 slots are taken, 12 calls wait',
      action:
        'Look into the log of Ollama, and at the processes of `ollama ps`. Restart Ollama. Or cancel the running calls and send POST /api/generate {"model":"llama3.2","keep_alive":0}: then Ollama ends the process of this model. New calls get 503 model_stuck until Ollama answers again; the proxy asks for one token every minute.',
    })
  })

  it('names the model of the last call where the runner has lost its names', () => {
    assert.match(
      stuckMismatches([aStuckModel({ names: [] })])[0]?.message ?? '',
      /get on with llama3.2: nothing/,
    )
  })

  it('is critical, raised after two samples and cleared after three, and not at all while it is off', () => {
    for (const [text, expected] of [
      ['', ['raised critical', 'cleared critical']],
      ['alerts: { model_stuck: off }', []],
    ] as const) {
      const told: string[] = []
      const mismatches = new Mismatches(new ManualClock(), ({ event, alert }: AlertEvent) =>
        told.push(`${event} ${alert.level}`),
      )
      const stuck = stuckMismatches([aStuckModel()])
      for (const found of [stuck, [], stuck, stuck, stuck, [], [], []])
        mismatches.evaluate(found, rulesOf(text))
      assert.deepEqual(told, expected)
    }
  })
})
