import assert from 'node:assert/strict'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import { Refusal } from '../../src/admission/refusal.ts'
import { EVERYBODY } from '../../src/callers/caller.ts'
import { Tally } from '../../test/admission/support/recorder.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { exponential, heavyTailed, seeded } from './admission-random.ts'
import { percentile, type Report } from './admission-report.ts'

const SLOTS = 4
const MEAN_SERVICE_MS = 5_860
/** Hard to meet under load, so that much has to be refused well. */
const TIGHT_MS = 10_000
/** The default of the proxy: long lines, in which a prediction has to hold. */
const WIDE_MS = 300_000
const RUN_MS = 4 * 60 * 60 * 1_000
/** Predictions are judged from the fourth place in line on: nearer the head one call's rest decides. */
const PLACES_BEFORE_JUDGING = 3
const SEEDS = [11, 12, 13]

interface Outcome {
  readonly arrived: number
  readonly servedMs: number
  readonly refusedAtOnce: number
  readonly expired: number
  readonly busySlotMs: number
  readonly possibleSlotMs: number
  /** Wait that came over wait that was told. */
  readonly truth: readonly number[]
}

/**
 * Hours of open arrivals in virtual time. Good is what started before its deadline; nothing else is ever started,
 * so goodput is the slot time of what was served over the slot time there was.
 */
export function measurePolicy(report: Report): void {
  for (const [name, draw] of [
    ['exponential', exponential],
    ['heavy-tailed', heavyTailed],
  ] as const) {
    for (const load of [0.8, 1, 2, 5, 10]) {
      const outcomes = SEEDS.map((seed) => simulate(load, TIGHT_MS, draw, seeded(seed)))
      reportGoodput(report, `${name} service, ${load}x load`, load, outcomes)
    }
    const outcomes = SEEDS.map((seed) => simulate(1.5, WIDE_MS, draw, seeded(seed)))
    reportPredictions(report, `${name} service, 1.5x load, 300 s deadline`, draw === exponential, outcomes)
  }
}

function reportGoodput(report: Report, name: string, load: number, outcomes: readonly Outcome[]): void {
  const of = (figure: (outcome: Outcome) => number) => outcomes.map(figure)
  const overloaded = load >= 2
  const goodput = of((o) => o.servedMs / (SLOTS * RUN_MS))
  const toldAtOnce = of((o) => o.refusedAtOnce / (o.refusedAtOnce + o.expired))
  report.row(
    `T5 work conservation, ${name}`,
    'of 1',
    of((o) => o.busySlotMs / o.possibleSlotMs),
    { least: 1 },
  )
  report.row(`T9 goodput, ${name}`, 'of capacity', goodput, overloaded ? { least: 0.97 } : {})
  report.row(
    `T9 refused at once, ${name}`,
    'of arrivals',
    of((o) => o.refusedAtOnce / o.arrived),
  )
  report.row(
    `T9 expired in line, ${name}`,
    'of arrivals',
    of((o) => o.expired / o.arrived),
  )
  report.row(
    `T10 told at once, ${name}`,
    'of those not served',
    toldAtOnce,
    overloaded ? { least: 0.93 } : {},
  )
}

/** The targets are for service times that vary as they do in practice; heavier tails are shown, not judged. */
function reportPredictions(
  report: Report,
  name: string,
  judged: boolean,
  outcomes: readonly Outcome[],
): void {
  const means = outcomes.map(({ truth }) => truth.reduce((sum, value) => sum + value, 0) / truth.length)
  const late = outcomes.map(({ truth }) => percentile(truth, 95))
  report.row(
    `T11 wait over prediction, mean, ${name}`,
    'of 1',
    means,
    judged ? { least: 0.9, most: 1.1 } : {},
  )
  report.row(`T11 wait over prediction, p95, ${name}`, 'of 1', late, judged ? { most: 1.5 } : {})
}

function simulate(
  load: number,
  patienceMs: number,
  draw: (random: () => number) => number,
  random: () => number,
): Outcome {
  const clock = new ManualClock()
  const admission = new LocalAdmission({
    clock,
    observer: { lane: () => new Tally() },
    upstream: { name: 'ollama' },
    defaults: { parallel: SLOTS, queue: 512 },
    maxWaitingBytes: Number.POSITIVE_INFINITY,
    random,
  })
  const truth: number[] = []
  let arrived = 0
  let servedMs = 0
  let refusedAtOnce = 0
  let expired = 0
  let busySlotMs = 0
  let possibleSlotMs = 0
  let since = 0

  /** Called before every change: adds up slots in use, and slots that could have been. */
  const account = () => {
    const { active = 0, queued = 0 } = admission.model('llama2')?.lane ?? {}
    busySlotMs += active * (clock.now() - since)
    possibleSlotMs += Math.min(SLOTS, active + queued) * (clock.now() - since)
    since = clock.now()
  }
  const serve = (permit: LocalPermit) => {
    const serviceMs = MEAN_SERVICE_MS * draw(random)
    servedMs += Math.min(serviceMs, RUN_MS - clock.now())
    clock.after(serviceMs, () => {
      account()
      permit.release('done', clock.now())
    })
  }
  const arrive = () => {
    account()
    clock.after((MEAN_SERVICE_MS / SLOTS / load) * exponential(random), arrive)
    arrived++
    const lane = admission.model('llama2')?.lane
    const ahead = lane?.queued ?? 0
    const toldMs = lane?.estimate.waitMs(ahead, SLOTS)
    try {
      const turn = admission.acquire({
        model: 'llama2',
        caller: EVERYBODY,
        slots: 1,
        deadline: clock.now() + patienceMs,
        bytes: 1_000,
      })
      if (turn instanceof LocalPermit) serve(turn)
      else {
        turn.onSettled((result) => {
          if (result instanceof Refusal) expired++
          else {
            assert.ok(result.waitMs < patienceMs)
            if (toldMs !== undefined && ahead >= PLACES_BEFORE_JUDGING) truth.push(result.waitMs / toldMs)
            serve(result)
          }
        })
      }
    } catch (error) {
      assert.ok(error instanceof Refusal)
      refusedAtOnce++
    }
  }
  arrive()
  clock.advance(RUN_MS)
  account()
  return { arrived, servedMs, refusedAtOnce, expired, busySlotMs, possibleSlotMs, truth }
}
