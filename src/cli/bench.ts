import { randomInt } from 'node:crypto'
import { defineCommand } from 'citty'
import { foregroundClock } from '../clock.ts'
import { EXIT_USAGE } from './exit-codes.ts'
import { readAsked } from './load/ask.ts'
import { runBench } from './load/bench-run.ts'
import { planNote } from './load/plan.ts'
import { reportText } from './load/report-text.ts'
import { exitCodeAfter } from './signals.ts'
import { EXIT_UNREACHABLE } from './top/pages.ts'
import { safeJson } from './top/safe-text.ts'

const LARGEST_SEED = 2 ** 32

export const benchCommand = defineCommand({
  meta: {
    name: 'bench',
    description:
      'Put load on a proxy or an Ollama. Calls are sent at a fixed average rate, even while earlier calls wait. Exit codes: docs/quick-reference.md.',
  },
  args: {
    url: { type: 'string', valueHint: 'url', description: 'Address to load; required.' },
    rate: {
      type: 'string',
      description: 'Average number of calls per second, as a Poisson process (default 5).',
    },
    duration: {
      type: 'string',
      valueHint: 'seconds',
      description: 'How long calls are sent (default 30, or to the end of the trace).',
    },
    model: {
      type: 'string',
      default: 'llama3.2',
      valueHint: 'name[=weight],…',
      description: 'Models to call, in proportion to their weights.',
    },
    route: { type: 'string', default: '/api/chat', description: 'Route to call.' },
    stream: { type: 'boolean', description: 'Ask for streams (the default if the route can stream).' },
    'no-stream': { type: 'boolean', description: 'Ask for whole answers.' },
    'prompt-tokens': {
      type: 'string',
      valueHint: 'count',
      description: 'Approximate tokens of a prompt (default 100).',
    },
    tokens: { type: 'string', valueHint: 'count', description: 'Most tokens of an answer (default 50).' },
    timeout: {
      type: 'string',
      default: '60',
      valueHint: 'seconds',
      description: 'Longest time of a call, from the moment it was due to the last byte of its answer.',
    },
    seed: {
      type: 'string',
      valueHint: 'number',
      description: 'Same seed, same arrivals. The report shows the seed (default: a new one each time).',
    },
    trace: {
      type: 'string',
      valueHint: 'file',
      description:
        'Replay arrivals: CSV (seconds,prompt_tokens,output_tokens[,model]) or JSON lines with these keys.',
    },
    speed: {
      type: 'string',
      valueHint: 'factor',
      description: 'Replay the trace this many times as fast (default 1).',
    },
    json: { type: 'boolean', description: 'Print the report as one JSON object.' },
    'max-in-flight': {
      type: 'string',
      default: '1000',
      valueHint: 'count',
      description: 'Most calls open at once. Further calls are counted as not sent.',
    },
  },
  async run({ args }) {
    const asked = readAsked(args)
    if (Array.isArray(asked)) {
      process.stderr.write(asked.map((mistake) => `${mistake}\n`).join(''))
      return EXIT_USAGE
    }
    const { report, cut } = await runBench({
      asked,
      seed: asked.seed ?? randomInt(LARGEST_SEED),
      clock: foregroundClock,
      progress: process.stderr,
      process,
      onPlan: (plan) => process.stderr.write(planNote(asked, plan)),
    })
    process.stdout.write(args.json === true ? `${safeJson(report)}\n` : reportText(report))
    if (cut) return exitCodeAfter('SIGINT')
    const unanswered = report.failed.total + report.timed_out
    return report.sent > 0 && unanswered === report.sent ? EXIT_UNREACHABLE : 0
  },
})
