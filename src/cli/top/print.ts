import { frame } from './frame.ts'
import { Unreachable } from './get.ts'
import { watchForQuit } from './leaving.ts'
import { plainText } from './line.ts'
import { EXIT_UNREACHABLE, type Pages, readPages } from './pages.ts'
import { safeJson } from './safe-text.ts'
import { POLL_TIMEOUT_MS, type WatchOptions, watch } from './watch.ts'

/** Width of a frame in a pipe or a file. */
const PLAIN_WIDTH = 120

/** Prints one frame of plain text with all rows. Returns the exit code. */
export async function printOnce(url: string): Promise<number> {
  return exitCodeOf(async () => {
    const pages = await readPages({ url, timeoutMs: POLL_TIMEOUT_MS })
    const width = process.stdout.columns || PLAIN_WIDTH
    const lines = frame({ url, pages, ageMs: 0, lastError: undefined }, width, Number.POSITIVE_INFINITY)
    process.stdout.write(`${lines.map(plainText).join('\n')}\n`)
  })
}

/** Prints one JSON object, or one per refresh until the user quits, each on a line. Returns the exit code. */
export async function printJson(options: WatchOptions, once: boolean): Promise<number> {
  const source = { url: options.url, timeoutMs: POLL_TIMEOUT_MS }
  if (once) return exitCodeOf(async () => print(await readPages(source)))
  const { signal, exitCode, end } = watchForQuit(process.stdin, process, process.stdout)
  let printedError: string | undefined
  try {
    await watch(options, signal, ({ pages, lastError }) => {
      if (lastError === undefined && pages) print(pages)
      // Each error is printed once, on stderr, so that stdout contains only fresh pages.
      else if (lastError !== printedError) process.stderr.write(`${lastError}; trying again\n`)
      printedError = lastError
    })
  } finally {
    end()
  }
  return exitCode()
}

function print({ stats, requests, alerts, health }: Pages): void {
  const bodies = { stats: stats.raw, requests: requests.raw, alerts: alerts.raw, health: health.raw }
  process.stdout.write(`${safeJson(bodies)}\n`)
}

async function exitCodeOf(run: () => Promise<void>): Promise<number> {
  try {
    await run()
    return 0
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    process.stderr.write(`${error.message}\n`)
    return EXIT_UNREACHABLE
  }
}
