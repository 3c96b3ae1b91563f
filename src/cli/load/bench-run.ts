import type { Clock } from '../../clock.ts'
import { type Emitter, onSignals } from '../signals.ts'
import type { Asked } from './ask.ts'
import { pickModel } from './model-mix.ts'
import { type Plan, planOf } from './plan.ts'
import { type ProgressOutput, progressLine, showProgress } from './progress.ts'
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
  readonly process: Emitter
  /** Called before the first call is sent. */
  readonly onPlan: (plan: Plan) => void
}

export interface BenchResult {
  readonly report: Report
  /** A second signal ended the open calls. */
  readonly cut: boolean
}

/** Runs the load to its end. The first signal stops sending; the second signal ends the open calls. */
export async function runBench({
  asked,
  seed,
  clock,
  progress,
  process,
  onPlan,
}: BenchParts): Promise<BenchResult> {
  // Two random sequences, so that the mix of models does not change the times of the arrivals.
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
  const endProgress = showProgress(progress, clock, () =>
    progressLine(tally, run.open, clock.now() - startedAt),
  )
  let allSent = false
  let interrupted = false
  let cut = false
  const giveBack = onSignals(process, ['SIGINT', 'SIGTERM'], () => {
    interrupted ||= !allSent
    if (run.stopped) {
      cut = true
      interrupted = true
      run.abort()
      return
    }
    run.stop()
    progress.write(`\nNothing more is sent. Waiting for ${run.open} calls; press Ctrl-C again to end them.\n`)
  })
  try {
    const sentMs = await run.sent()
    allSent = true
    const wholeMs = await run.over()
    // A run without interruption counts its whole duration, not only the time until its last arrival.
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
    endProgress()
    giveBack()
    sender.close()
  }
}
