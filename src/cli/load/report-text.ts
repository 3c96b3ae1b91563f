import { duration, rate } from '../top/figures.ts'
import { safeText } from '../top/safe-text.ts'
import type { Report } from './report.ts'
import type { TimeSpread } from './tally.ts'

/** The report for a person. */
export function reportText(report: Report): string {
  const { sent, refused, failed } = report
  const share = (count: number) => (sent === 0 ? '' : `${((count * 100) / sent).toFixed(1)} %`)
  const lines = [
    '',
    `${report.url}${report.route}  ${report.models.join(', ')}${report.stream ? '  streams' : ''}`,
    report.trace === null ? `seed ${report.seed}` : `trace ${report.trace}`,
    '',
    counted('sent', sent, `${report.sent_per_second} a second over ${seconds(report.sending_seconds)}`),
    counted('answered', report.answered, share(report.answered)),
    counted('refused', refused.total, share(refused.total)),
    ...reasons(refused.by),
    counted('timed out', report.timed_out, share(report.timed_out)),
    counted('failed', failed.total, share(failed.total)),
    ...reasons(failed.by),
    counted('aborted', report.aborted, share(report.aborted)),
    counted(
      'not sent',
      report.not_sent,
      report.not_sent === 0 ? '' : 'too many were open already (--max-in-flight)',
    ),
    '',
    `${' '.repeat(24)}${['p50', 'p95', 'p99', 'max'].map((name) => name.padStart(9)).join('')}`,
    measured('first byte', report.first_byte_ms),
    measured('whole answer', report.total_ms),
    measured('refusal', report.refusal_ms),
    measured('gap between tokens', report.token_gap_ms),
    measured('sent late by', report.late_ms),
    '',
    `${rate(report.tokens_per_second)} tokens per second, ${report.tokens_out} in all over ${seconds(report.whole_seconds)}`,
    'First byte and whole answer are times of answered calls. All times count from the moment a call was due.',
  ]
  if (!report.kept_rate) {
    lines.push(
      'The load was NOT as requested: calls were sent late or not at all. Use more or faster machines.',
    )
  }
  if (report.interrupted) lines.push('Interrupted: the run ended early.')
  return `${lines.map((line) => safeText(line).trimEnd()).join('\n')}\n`
}

function counted(name: string, count: number, more: string): string {
  return `${name.padEnd(12)}${String(count).padStart(9)}   ${more}`
}

function reasons(by: Readonly<Record<string, number>>): string[] {
  return Object.entries(by).map(([why, count]) => `  ${why.padEnd(24)} ${count}`)
}

function measured(name: string, spread: TimeSpread | null): string {
  const figures = spread === null ? [null] : [spread.p50, spread.p95, spread.p99, spread.max]
  return `${name.padEnd(24)}${figures.map((ms) => exact(ms).padStart(9)).join('')}`
}

/** Shows decimals below 100 ms, since gaps between tokens are that short. */
function exact(ms: number | null): string {
  return ms !== null && ms < 99.95 ? `${ms.toFixed(1)}ms` : duration(ms)
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`
}
