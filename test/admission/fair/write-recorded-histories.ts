import { writeFileSync } from 'node:fs'
import { FAIR } from '../../../src/admission/fair-settings.ts'
import { historyOf, SCENES } from './support/history.ts'
import { HistoryPlayer } from './support/history-player.ts'
import { HISTORIES, lineOf } from './support/recorded.ts'

/**
 * Records the histories. Only the lanes of commit c462797, which are those of 33f02e8, may be recorded: copy this folder
 * there, run this file, and copy recorded-histories.txt back.
 */
const lines = [
  '# Recorded with the lane of 0.1.0+, commit 33f02e8, in which all calls went in the order of their arrival.',
  '# A line: scene, seed, and for each event three digits of a hash over all that followed so far (support/recorded.ts).',
  '# Never record these lines again with later lanes: the lines say what must not change.',
]
for (const scene of SCENES)
  for (let seed = 1; seed <= HISTORIES[scene]; seed++) {
    const history = historyOf(scene, seed)
    const off = { ...FAIR, fair: false }
    lines.push(lineOf(history, new HistoryPlayer(history, off).play()))
  }
writeFileSync(new URL('recorded-histories.txt', import.meta.url), `${lines.join('\n')}\n`)
