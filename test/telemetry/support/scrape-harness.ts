import type { CallerView } from '../../../src/admission/contract.ts'
import { LocalAdmission } from '../../../src/admission/local-admission.ts'
import type { TurnsView } from '../../../src/admission/turns/contract.ts'
import { EVERYBODY } from '../../../src/callers/caller.ts'
import { type MeteredCall, Meters } from '../../../src/telemetry/meters.ts'
import { type MetricsPage, metricsPage } from '../../../src/telemetry/metrics-page.ts'
import type { MetricsParts } from '../../../src/telemetry/prometheus.ts'
import { Stats } from '../../../src/telemetry/stats.ts'
import { TurnHistory } from '../../../src/telemetry/turn-history.ts'
import { OLLAMA } from '../../admission/support/builders.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { aShares } from './shares.ts'
import { aView } from './turns.ts'

export const ROUTES = ['/api/chat', '/v1/messages']

/** A stream of 11 tokens, one every 0.05 s, its first byte half a second after arrival. */
export function aCall(parts: Partial<MeteredCall> = {}): MeteredCall {
  return {
    key: null,
    class: 'normal',
    path: '/api/chat',
    model: 'llama2',
    outcome: 'done',
    reason: null,
    status: 200,
    lateStatus: null,
    signsMs: null,
    waitMs: 300,
    firstByteMs: 500,
    totalMs: 1_000,
    slotMs: 700,
    loadMs: 40,
    tokensIn: 5,
    tokensOut: 11,
    parts: 12,
    ...parts,
  }
}

/** A call that was turned away on arrival. */
export function aRefusedCall(parts: Partial<MeteredCall> = {}): MeteredCall {
  const nothing = { firstByteMs: null, slotMs: 0, loadMs: 0, tokensIn: null, tokensOut: null, parts: null }
  return aCall({
    outcome: 'refused',
    reason: 'queue_full',
    status: 503,
    waitMs: 0,
    totalMs: 0.2,
    ...nothing,
    ...parts,
  })
}

/** The calls of one caller. */
type Counts = Pick<CallerView, 'id' | 'active' | 'queued'>

export interface ScrapeHarness {
  readonly meters: Meters
  readonly admission: LocalAdmission
  readonly turns: TurnHistory
  scrape(): Promise<MetricsPage>
}

/** Meters and lanes that nothing has happened to yet, and the page that shows them. */
export function scrapeHarness({
  callers,
  keys = [],
  models = [],
  view,
  ...change
}: Partial<MetricsParts> & {
  callers?: Counts[]
  keys?: string[]
  models?: string[]
  view?: TurnsView
} = {}): ScrapeHarness {
  const clock = new ManualClock()
  const meters = new Meters({ routes: ROUTES, models, keys })
  const admission = new LocalAdmission({
    clock,
    observer: new Stats(clock),
    upstream: OLLAMA,
    defaults: { parallel: 1, queue: 2 },
    maxWaitingBytes: 2 ** 20,
  })
  const turns = new TurnHistory(clock)
  const scrape = metricsPage({
    meters,
    admission: {
      models: () => admission.models(),
      callers: () => callers ?? admission.callers(),
      waiting: admission.waiting,
      turns: view ?? admission.turns,
    },
    turns,
    shares: aShares({ clock }).shares,
    accessRefused: () => ({ no_key: 0, wrong_key: 2 }),
    adminRefused: { no_token: 0, wrong_token: 3 },
    upstream: { status: () => ({ reachable: true, version: '0.33.0' }) },
    memory: async () => ({ totalBytes: 4_000, availableBytes: 1_000 }),
    draining: () => admission.closed,
    version: '0.1.0',
    runtimeName: 'node',
    ...change,
  })
  return { meters, admission, turns, scrape }
}

/** A scrape in which every metric has samples. */
export async function aFullScrape(): Promise<string> {
  const { meters, admission, scrape } = scrapeHarness({ view: aView([]) })
  meters.call(aCall())
  meters.loaded({ names: ['llama2'], reason: 'first', failed: false })
  meters.call(aRefusedCall())
  admission.acquire({ model: 'llama2', caller: EVERYBODY, deadline: 1_000, bytes: 0, slots: 1 })
  await scrape()
  // Some of what tells of the process is measured between two scrapes.
  return (await scrape()).text
}

/** The samples of a text, by the name and labels in front of the value. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    }),
  )
}

/** Names of metrics that stand in a text of any kind. */
export function metricsIn(text: string): readonly string[] {
  return [...new Set(text.match(/\b(?:ollama_guard|nodejs|process)_[a-z0-9_]+/g))]
}

export function namesOf(text: string): ReadonlySet<string> {
  return new Set(Array.from(samplesOf(text).keys(), (sample) => sample.replace(/\{.*/, '')))
}
