import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { progressLine, showProgress } from '../../../src/cli/load/progress.ts'
import { reportOf } from '../../../src/cli/load/report.ts'
import { reportText } from '../../../src/cli/load/report-text.ts'
import { Tally } from '../../../src/cli/load/tally.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const FACTS = {
  url: 'http://127.0.0.1:8080',
  route: '/api/chat',
  models: ['llama3.2'],
  stream: true,
  seed: 7,
  trace: null,
  sendingMs: 10_000,
  wholeMs: 12_000,
  interrupted: false,
}

function aTally(): Tally {
  const tally = new Tally()
  for (let i = 1; i <= 96; i++) {
    tally.arrivals++
    tally.late.record(1)
    tally.take({ kind: 'answered', firstByteMs: i * 10, totalMs: i * 100, tokens: 50 })
    tally.gap.record(20)
  }
  tally.arrivals += 6
  tally.notSent++
  tally.take({ kind: 'refused', why: '503 queue_full', totalMs: 2 })
  tally.take({ kind: 'refused', why: '504 timeout', totalMs: 9_000 })
  tally.take({ kind: 'refused', why: '503 queue_full', totalMs: 3 })
  tally.take({ kind: 'timed_out' })
  tally.take({ kind: 'failed', why: 'connection reset' })
  return tally
}

describe('reportOf', () => {
  it('counts everything that was due, once', () => {
    const report = reportOf(aTally(), FACTS)
    assert.deepEqual(
      [report.arrivals, report.sent, report.not_sent, report.answered, report.timed_out, report.aborted],
      [102, 101, 1, 96, 1, 0],
    )
    assert.deepEqual(report.refused, { total: 3, by: { '503 queue_full': 2, '504 timeout': 1 } })
    assert.deepEqual(report.failed, { total: 1, by: { 'connection reset': 1 } })
    assert.deepEqual(
      [report.sent_per_second, report.tokens_out, report.tokens_per_second],
      [10.1, 4_800, 400],
    )
  })

  it('gives percentiles of answered calls alone, and the largest exactly', () => {
    const { total_ms, first_byte_ms, refusal_ms } = reportOf(aTally(), FACTS)
    assert.ok(Math.abs((total_ms?.p50 ?? 0) - 4_800) < 80, String(total_ms?.p50))
    assert.equal(total_ms?.max, 9_600)
    assert.equal(first_byte_ms?.max, 960)
    assert.equal(refusal_ms?.max, 9_000)
  })

  it('has null for what was not measured', () => {
    const report = reportOf(new Tally(), { ...FACTS, sendingMs: 0, wholeMs: 0 })
    assert.deepEqual([report.total_ms, report.token_gap_ms, report.tokens_per_second], [null, null, 0])
    assert.equal(report.kept_rate, true)
  })

  it('owns to a load that was not the one asked for', () => {
    assert.equal(reportOf(aTally(), FACTS).kept_rate, false)
    const late = new Tally()
    late.arrivals = 1
    late.late.record(40)
    const report = reportOf(late, FACTS)
    assert.equal(report.kept_rate, false)
    assert.match(reportText(report), /NOT as requested/)
  })

  it('keeps a bound on the reasons it tells apart', () => {
    const tally = new Tally()
    for (let i = 0; i < 100; i++) tally.take({ kind: 'refused', why: `404 model ${i}`, totalMs: 1 })
    assert.equal(tally.refusals.size, 21)
    assert.equal(tally.refusals.get('others'), 80)
  })
})

describe('reportText', () => {
  it('shows counts with their shares, the reasons and the percentiles', () => {
    const text = reportText(reportOf(aTally(), { ...FACTS, interrupted: true }))
    for (const part of [
      /^http:\/\/127\.0\.0\.1:8080\/api\/chat {2}llama3\.2 {2}streams$/m,
      /^seed 7$/m,
      /^sent +101 +10\.1 a second over 10\.0 s$/m,
      /^answered +96 +95\.0 %$/m,
      /^ {2}503 queue_full +2$/m,
      /^not sent +1 /m,
      /^whole answer +4\.[78]s +9\.[0-3]s +9\.[4-6]s +9\.6s$/m,
      /^Interrupted/m,
    ])
      assert.match(text, part)
  })

  it('lets no answer of a server steer the terminal', () => {
    const tally = new Tally()
    tally.take({ kind: 'refused', why: '404 \x1b[2J', totalMs: 1 })
    assert.ok(!reportText(reportOf(tally, FACTS)).includes('\x1b'))
  })
})

describe('progress', () => {
  it('tells what there is to tell', () => {
    assert.equal(progressLine(new Tally(), 0, 1_000), '1.0s  0 sent  0 open  0 answered')
    assert.match(
      progressLine(aTally(), 3, 9_000),
      /^9\.0s {2}101 sent {2}3 open {2}96 answered {2}3 refused {2}1 timed out {2}1 failed {2}1 not sent {2}first byte p50 4\d\dms/,
    )
  })

  it('rewrites one line a second on a terminal and takes it away at the end', () => {
    const clock = new ManualClock()
    const written: string[] = []
    const output = { isTTY: true, columns: 10, write: (text: string) => written.push(text) }
    let number = 0
    const end = showProgress(output, clock, () => `line ${++number} and more`)
    clock.advance(2_000)
    end()
    clock.advance(5_000)
    assert.equal(written.join(''), '\rline 1 an\x1b[K\rline 2 an\x1b[K\r\x1b[K')
    assert.equal(clock.pending, 0)
  })

  it('writes a line each five seconds elsewhere', () => {
    const clock = new ManualClock()
    const written: string[] = []
    const output = { write: (text: string) => written.push(text) }
    const end = showProgress(output, clock, () => 'so far')
    clock.advance(14_000)
    end()
    assert.deepEqual(written, ['so far\n', 'so far\n'])
  })
})
