import { frame } from './frame.ts'
import { Unreachable } from './get.ts'
import { watchForLeaving } from './leaving.ts'
import { plainText } from './line.ts'
import { EXIT_UNREACHABLE, type Pages, readPages } from './pages.ts'
import { safeJson } from './safe-text.ts'
import { POLL_TIMEOUT_MS, type Watching, watch } from './watch.ts'

/** Of a frame that goes into a pipe or a file. */
const PLAIN_WIDTH = 120

/** One frame of plain text, all of its rows, on stdout. Returns the exit code. */
export async function printOnce(url: string): Promise<number> {
  return reaching(async () => {
    const pages = await readPages({ url, timeoutMs: POLL_TIMEOUT_MS })
    const width = process.stdout.columns || PLAIN_WIDTH
    const lines = frame({ url, pages, ageMs: 0, lost: undefined }, width, Number.POSITIVE_INFINITY)
    process.stdout.write(`${lines.map(plainText).join('\n')}\n`)
  })
}

/** A JSON object a line on stdout: one, or one a refresh until somebody leaves. Returns the exit code. */
export async function printJson(watching: Watching, once: boolean): Promise<number> {
  const asking = { url: watching.url, timeoutMs: POLL_TIMEOUT_MS }
  if (once) return reaching(async () => print(await readPages(asking)))
  const { signal, exitCode, end } = watchForLeaving(process.stdin, process, process.stdout)
  let told: string | undefined
  try {
    await watch(watching, signal, ({ pages, lost }) => {
      if (lost === undefined && pages) print(pages)
      // To stderr and once, so that stdout holds nothing but pages that were just read.
      else if (lost !== told) process.stderr.write(`${lost}; trying again\n`)
      told = lost
    })
  } finally {
    end()
  }
  return exitCode()
}

function print({ stats, requests, alerts, health }: Pages): void {
  const told = { stats: stats.raw, requests: requests.raw, alerts: alerts.raw, health: health.raw }
  process.stdout.write(`${safeJson(told)}\n`)
}

async function reaching(run: () => Promise<void>): Promise<number> {
  try {
    await run()
    return 0
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    process.stderr.write(`${error.message}\n`)
    return EXIT_UNREACHABLE
  }
}
