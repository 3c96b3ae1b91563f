import { FAIR } from '../../../src/admission/fair-settings.ts'
import { type PastCall, type PresentCall, Shares } from '../../../src/telemetry/shares.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** A call of one slot that came, found a free slot and ran for a second. */
export function anEndedCall(parts: Partial<PastCall> = {}): PastCall {
  return { caller: '192.0.2.7', key: null, class: 'normal', slots: 1, slotMs: 1_000, waitMs: 0, ...parts }
}

/** A call of one slot that has run for a second. */
export function anOpenCall(parts: Partial<PresentCall> = {}): PresentCall {
  return { caller: '192.0.2.7', class: 'normal', state: 'running', slots: 1, slotMs: 1_000, ...parts }
}

/** Shares of a proxy to which nothing has happened. `open`: the calls that are not over. */
export function aShares({
  clock = new ManualClock(),
  weights = {} as Record<string, number>,
  fair = FAIR,
} = {}) {
  const open: PresentCall[] = []
  const shares = new Shares({
    clock,
    open: () => open,
    settings: () => fair,
    weightOf: (id) => weights[id] ?? 1,
  })
  return { clock, open, shares }
}
