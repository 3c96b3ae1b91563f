import type { EventEmitter } from 'node:events'
import type { Clock } from '../../clock.ts'
import type { Asked } from './ask.ts'
import { pickModel } from './model-mix.ts'
import { type Plan, planOf } from './plan.ts'
import { Progress, type ProgressOutput, progressLine } from './progress.ts'
import { seededRandom } from './random.ts'
import { type Report, reportOf } from './report.ts'
import { promptOf, ROUTES } from './routes.ts'
import { LoadRun } from './run-load.ts'
import { Sender } from './send.ts'
import { Tally } from './tally.ts'

export interface BenchParts {
  readonly asked: Asked
  readonly seed: number
  readonly clock: Clock
  readonly progress: ProgressOutput
  readonly process: Pick<EventEmitter, 'on' | 'off'>
  /** Told before the first call. */
  readonly onPlan: (plan: Plan) => void
}

export interface Ended {
  readonly report: Report
  /** A second signal cut what was open. */
  readonly cut: boolean
}

const SIGNALS = ['SIGINT', 'SIGTERM']

/** Runs the load to its end. The first signal stops sending, the second one ends the calls that are open. */
export async function runBench({
  asked,
  seed,
  clock,
  progress,
  process,
  onPlan,
}: BenchParts): Promise<Ended> {
  // Two sequences, so that the arrivals stay the same whatever models they are for.
  const mixRandom = seededRandom(seed ^ 0x5bd1e995)
  const plan = planOf(asked, seededRandom(seed))
  onPlan(plan)
  const { url, route, stream, model: mix } = asked
  const tally = new Tally()
  const sender = new Sender({
    clock,
    url: new URL(url + route),
    timeoutMs: asked.timeout * 1_000,
    whole: !stream,
  })
  const startedAt = clock.now()
  const run = new LoadRun({
    clock,
    arrivals: plan.arrivals,
    maxInFlight: asked['max-in-flight'],
    tally,
    send({ model = pickModel(mix, mixRandom), promptTokens, outputTokens }, dueAt, number) {
      const prompt = promptOf(number, promptTokens)
      const body = ROUTES[route]?.body({ model, prompt, tokens: outputTokens, stream })
      return sender.send({ body: JSON.stringify(body), dueAt, onGap: (ms) => tally.gap.record(ms) })
    },
  })
  const line = new Progress(progress, clock, () => progressLine(tally, run.open, clock.now() - startedAt))
  let allSent = false
  let interrupted = false
  let cut = false
  const onSignal = () => {
    interrupted ||= !allSent
    if (run.stopped) {
      cut = true
      interrupted = true
      run.cut()
      return
    }
    run.stop()
    progress.write(`\nNothing more is sent. Waiting for ${run.open} calls; once more to end them.\n`)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  try {
    const sentMs = await run.sent()
    allSent = true
    const wholeMs = await run.over()
    // A run that was not interrupted lasts until its end, not only until its last arrival.
    const sendingMs = interrupted ? sentMs : Math.max(sentMs, plan.durationMs)
    const facts = {
      url,
      route,
      models: plan.models,
      stream,
      seed: asked.trace ? null : seed,
      trace: asked.trace?.path ?? null,
      sendingMs,
      wholeMs: Math.max(wholeMs, sendingMs),
      interrupted,
    }
    return { report: reportOf(tally, facts), cut }
  } finally {
    line.end()
    for (const signal of SIGNALS) process.off(signal, onSignal)
    sender.close()
  }
}
