import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callerTable } from '../../../src/cli/top/caller-table.ts'
import { frame } from '../../../src/cli/top/frame.ts'
import { colouredText, lineWidth, plainText } from '../../../src/cli/top/line.ts'
import type { Pages } from '../../../src/cli/top/pages.ts'
import { alertsPage, healthPage, requestsPage, statsPage } from '../../../src/cli/top/shapes.ts'
import { aStatsPage, busyPages, health } from '../support/pages.ts'

const NOTHING = { today: null, month: null, day_budget: null, month_budget: null }

function aCaller(caller: string, change: object = {}) {
  const none = { active: 0, queued: 0, parallel_limit: null, queue_limit: null }
  return { caller, key: false, ...none, slot_seconds: NOTHING, tokens: NOTHING, ...change }
}

const ALICE = aCaller('alice', {
  key: true,
  active: 2,
  queued: 3,
  parallel_limit: 2,
  queue_limit: 50,
  slot_seconds: { today: 6_000, month: 9_000, day_budget: 7_200, month_budget: null },
  tokens: { today: 12_345, month: 20_000, day_budget: null, month_budget: 2_000_000 },
})
const NIGHTLY = aCaller('nightly', {
  key: true,
  queued: 1,
  slot_seconds: { today: 80, month: 100, day_budget: 60, month_budget: 3_600 },
  tokens: { today: 5, month: 5, day_budget: 100, month_budget: null },
})
const BOB = aCaller('bob', {
  key: true,
  slot_seconds: { today: 12.34, month: 12.34, day_budget: null, month_budget: null },
  tokens: { today: 0, month: 0, day_budget: null, month_budget: null },
})
const STRANGER = aCaller('192.0.2.7', { active: 1 })

function parsed(callers: readonly object[]) {
  return statsPage.parse({ ...aStatsPage([]), callers }).callers ?? []
}

const rows = (callers: readonly object[], width = 120) => callerTable(parsed(callers), width)
const shown = (...parts: Parameters<typeof rows>) => rows(...parts).map(plainText)

describe('the table of callers', () => {
  it('tells who runs and waits, and what was used of each budget', () => {
    assert.deepEqual(shown([ALICE, NIGHTLY, BOB, STRANGER]), [
      'CALLER      RUNNING  WAITING  SLOT TIME TODAY     MONTH        TOKENS TODAY  MONTH',
      'alice           2/2     3/50  █████░ 1h40m/2h00m                      12.3k  20.0k/2.0M',
      'nightly           0        1  ██████ 1m20s/1m00s  1m40s/1h00m  █░░░░░ 5/100',
      'bob               0        0         12s                              0',
      '192.0.2.7         1        0',
    ])
  })

  it('has a bar for the share of each caller, beside the figure', () => {
    const callers = [aCaller('alice', { share: 0.84, active: 4 }), aCaller('bob', { share: 0.005 }), STRANGER]
    assert.deepEqual(shown(callers, 80), [
      'CALLER      SHARE 5 MIN      RUNNING  WAITING',
      'alice       ████████░░  84%        4        0',
      'bob         █░░░░░░░░░   1%        0        0',
      '192.0.2.7                          1        0',
    ])
    for (const width of [40, 60]) for (const line of rows(callers, width)) assert.ok(lineWidth(line) <= width)
  })

  it('marks a limit that is reached, and a budget that is nearly spent or spent', () => {
    const tones = (line: string) =>
      rows([ALICE, NIGHTLY])
        .find((each) => plainText(each).startsWith(line))
        ?.filter(({ text, tone }) => tone !== undefined && text.trim() !== '')
        .map(({ text, tone }) => `${text.trim()}: ${tone}`)
    assert.deepEqual(tones('alice'), [
      'alice: bold',
      '2/2: warning',
      '3/50: warning',
      '█████░ 1h40m/2h00m: warning',
    ])
    assert.deepEqual(tones('nightly'), ['nightly: bold', '1: warning', '██████ 1m20s/1m00s: critical'])
  })

  it('keeps the calls and the use of today on a narrow terminal', () => {
    assert.deepEqual(shown([ALICE, STRANGER], 60), [
      'CALLER      RUNNING  WAITING  SLOT TIME TODAY',
      'alice           2/2     3/50  █████░ 1h40m/2h00m',
      '192.0.2.7         1        0',
    ])
    for (const width of [40, 60, 80, 120])
      for (const line of rows([ALICE, NIGHTLY, BOB, STRANGER], width)) assert.ok(lineWidth(line) <= width)
  })

  it('is absent where one address calls alone, and there for several', () => {
    assert.deepEqual(shown([STRANGER]), [])
    assert.deepEqual(shown([]), [])
    assert.deepEqual(shown([STRANGER, aCaller('2001:db8::/64', { queued: 2 })]), [
      'CALLER         RUNNING  WAITING',
      '192.0.2.7            1        0',
      '2001:db8::/64        0        2',
    ])
  })

  it('never lets a name steer the terminal', () => {
    const [, row = []] = rows([aCaller('\x1b[2J\u202eevil', { key: true })])
    assert.match(plainText(row), /^\?\[2J\?evil /)
    assert.ok(!colouredText(row).includes('\x1b[2J'))
  })
})

describe('the callers on the screen', () => {
  const screen = (callers: readonly object[] | undefined, height: number) => {
    const script = busyPages()
    const pages: Pages = {
      health: { data: healthPage.parse(health), raw: null },
      stats: { data: statsPage.parse({ ...(script['/queue/stats'] as object), callers }), raw: null },
      requests: { data: requestsPage.parse(script['/queue/requests']), raw: null },
      alerts: { data: alertsPage.parse(script['/queue/alerts']), raw: null },
    }
    return frame({ url: 'http://x', pages, ageMs: 0, lastError: undefined }, 100, height).map(plainText)
  }
  const titles = (lines: readonly string[]) =>
    lines.flatMap((line) => /^[A-Z]+ /.exec(line)?.[0].trim() ?? [])

  it('stand between the models and the calls', () => {
    assert.deepEqual(titles(screen([ALICE, BOB], 40)), ['MODEL', 'CALLER', 'CALL'])
  })

  it('leave the calls most of the room, and say how many are not shown', () => {
    const many = Array.from({ length: 60 }, (_, index) => aCaller(`10.0.0.${index}`, { active: 1 }))
    const lines = screen(many, 40)
    assert.equal(lines.length, 23)
    assert.ok(lines.includes('… and 53 more callers'), lines.join('\n'))
    assert.ok(lines.some((line) => line.startsWith('k3f9a1-3')))
    assert.equal(
      screen(many, Number.POSITIVE_INFINITY).filter((line) => line.startsWith('10.0.0.')).length,
      60,
    )
  })

  it('are left out on a low terminal and on an older proxy', () => {
    assert.deepEqual(titles(screen([ALICE, BOB], 16)), ['MODEL', 'CALL'])
    assert.deepEqual(titles(screen(undefined, 40)), ['MODEL', 'CALL'])
  })
})
