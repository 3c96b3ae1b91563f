import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lineWidth, plainText } from '../../../src/cli/top/line.ts'
import type { Pages } from '../../../src/cli/top/pages.ts'
import { healthPage, statsPage } from '../../../src/cli/top/shapes.ts'
import { turnsLine } from '../../../src/cli/top/turns-line.ts'
import { aStatsPage, health } from '../support/pages.ts'

const MISSING = { data: undefined, raw: null, missing: 'unknown' } as const

/** The lines for the turns of a page that was made at midnight. */
function lines(turns: object | undefined, width = 80, change: object = {}) {
  const pages: Pages = {
    health: { data: healthPage.parse({ ...health, ...change }), raw: null },
    stats: { data: statsPage.parse({ ...aStatsPage([]), turns }), raw: null },
    requests: MISSING,
    alerts: MISSING,
  }
  return turnsLine(pages, width)
}

const shown = (...parts: Parameters<typeof lines>) => lines(...parts).map(plainText)

function runner(names: readonly string[], state: string, secondsAgo: number) {
  const since = new Date(Date.parse(health.timestamp) - 1_000 * secondsAgo).toISOString()
  return { runner: `sha256-${names[0]}`, names, options: '', state, since }
}

const QUIET = { mode: 'auto', loaded: [], next: null, loading_percent: 0 }

describe('the line of turns', () => {
  it('tells who has the machine and who is next, in 80 columns', () => {
    const turns = {
      ...QUIET,
      loaded: [runner(['llama3.2'], 'leaving', 185), runner(['qwen2.5:7b', 'copy'], 'loading', 4)],
      next: runner(['qwen2.5:7b', 'copy'], '', 12),
      loading_percent: 23.4,
    }
    assert.deepEqual(shown(turns), [
      'in memory: llama3.2 leaving 3m05s   qwen2.5:7b +1 loading 4.0s',
      'next: qwen2.5:7b +1, waits 12s   loading 23 %',
    ])
  })

  it('is there as long as somebody waits, and says when nothing is loaded', () => {
    assert.deepEqual(shown({ ...QUIET, next: runner(['a'], '', 1) }), [
      'in memory: nothing   next: a, waits 1.0s',
    ])
    assert.deepEqual(shown(QUIET), [])
  })

  it('lists four runners, and counts the others', () => {
    const loaded = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => runner([name], 'loaded', 60))
    assert.deepEqual(shown({ ...QUIET, loaded }, 200), [
      'in memory: a loaded 1m00s   b loaded 1m00s   c loaded 1m00s   d loaded 1m00s   +2 more',
    ])
  })

  it('is absent where turns are off and on an older proxy, and says when Ollama tells nothing', () => {
    assert.deepEqual(shown(undefined), [])
    assert.deepEqual(shown({ ...QUIET, mode: 'off' }), [])
    assert.deepEqual(shown({ ...QUIET, mode: 'unavailable' }), [
      'no turns: Ollama does not tell what is loaded',
    ])
  })

  it('leaves out times that cannot be read, and never lets a name steer the terminal', () => {
    const evil = { ...runner(['\x1b[2Jevil'], '\x1b[31mloaded', 0), since: '\x1b' }
    const page = { ...QUIET, loaded: [evil], next: { ...evil, since: 'x' } }
    assert.deepEqual(shown(page), ['in memory: ?[2Jevil ?[31mloaded   next: ?[2Jevil'])
    assert.deepEqual(shown(page, 80, { timestamp: undefined }), shown(page))
  })

  it('stays within the width', () => {
    const loaded = Array.from({ length: 6 }, (_, index) => runner([`模型名字很长的-${index}`], 'loading', 9))
    for (const width of [30, 60, 80, 120])
      for (const line of lines({ ...QUIET, loaded }, width)) assert.ok(lineWidth(line) <= width)
  })
})
