import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FairSettings } from '../../../src/admission/contract.ts'
import { FAIR } from '../../../src/admission/fair-settings.ts'
import { historyOf, type Scene } from './support/history.ts'
import { HistoryPlayer } from './support/history-player.ts'
import { firstDifference, HISTORIES, lineOf, recordedLines } from './support/recorded.ts'

const OFF: FairSettings = { ...FAIR, fair: false }
const recorded = recordedLines()

function differ(scene: Scene, fairness: FairSettings): void {
  for (let seed = 1; seed <= HISTORIES[scene]; seed++) {
    const history = historyOf(scene, seed)
    const effects = new HistoryPlayer(history, fairness).play()
    const index = firstDifference(lineOf(history, effects), recorded.get(`${scene} ${seed}`) ?? '')
    if (index === undefined) continue
    const before = effects.slice(Math.max(0, index - 3), index).join('\n  ')
    assert.fail(
      [
        `history "${scene}" with seed ${seed} differs from the old lane first at event ${index}:`,
        `${JSON.stringify(history.events[index])}\nnow: ${effects[index]}\nbefore that:\n  ${before}`,
      ].join(' '),
    )
  }
}

/** The old lane served all calls in the order of their arrival. Its histories were recorded before it went. */
describe('what happened in the lanes before they were fair happens again', () => {
  it('to one caller', () => differ('one', FAIR))
  it('to one caller, when all calls go in the order of their arrival', () => differ('one', OFF))
  it('to one caller with a limit of running calls', () => differ('capped', FAIR))
  it('to many callers, when all calls go in the order of their arrival', () => differ('many', OFF))
})
