import { randomInt } from 'node:crypto'
import { defineCommand } from 'citty'
import { foregroundClock } from '../clock.ts'
import { EXIT_USAGE } from './exit-codes.ts'
import { readAsked } from './load/ask.ts'
import { runBench } from './load/bench-run.ts'
import { planNote } from './load/plan.ts'
import { reportText } from './load/report-text.ts'
import { EXIT_UNREACHABLE } from './top/pages.ts'
import { safeJson } from './top/safe-text.ts'

/** Ended by a second Ctrl-C, as a shell would tell it. */
const EXIT_INTERRUPTED = 130
const LARGEST_SEED = 2 ** 32

export const benchCommand = defineCommand({
  meta: {
    name: 'bench',
    description:
      'Put load on a proxy or an Ollama: calls come at a rate, whatever has become of those before. Exit code 2: nothing there answered (or a wrong flag), 130: ended by a second Ctrl-C.',
  },
  args: {
    url: { type: 'string', valueHint: 'url', description: 'Address to load; required.' },
    rate: { type: 'string', description: 'Calls a second on average, a Poisson process (default 5).' },
    duration: {
      type: 'string',
      valueHint: 'seconds',
      description: 'Time to send for (default 30, or to the end of the trace).',
    },
    model: {
      type: 'string',
      default: 'llama3.2',
      valueHint: 'name[=weight],…',
      description: 'Models to ask, each as often as its weight says.',
    },
    route: { type: 'string', default: '/api/chat', description: 'Route to call.' },
    stream: { type: 'boolean', description: 'Ask for streams, as is done where the route has them.' },
    'no-stream': { type: 'boolean', description: 'Ask for whole answers.' },
    'prompt-tokens': {
      type: 'string',
      valueHint: 'count',
      description: 'Tokens of a prompt, about (default 100).',
    },
    tokens: { type: 'string', valueHint: 'count', description: 'Tokens of an answer, at most (default 50).' },
    timeout: {
      type: 'string',
      default: '60',
      valueHint: 'seconds',
      description: 'Patience with a call, from when it was due to its last byte.',
    },
    seed: {
      type: 'string',
      valueHint: 'number',
      description: 'For the same arrivals again (default: another one each time, in the report).',
    },
    trace: {
      type: 'string',
      valueHint: 'file',
      description:
        'Replay arrivals: CSV (seconds,prompt_tokens,output_tokens[,model]) or JSON lines with these keys.',
    },
    speed: { type: 'string', valueHint: 'factor', description: 'How much faster than recorded (default 1).' },
    json: { type: 'boolean', description: 'Print the report as one JSON object.' },
    'max-in-flight': {
      type: 'string',
      default: '1000',
      valueHint: 'count',
      description: 'Calls open at once; those beyond are counted as not sent.',
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
    if (cut) return EXIT_INTERRUPTED
    const unanswered = report.failed.total + report.timed_out
    return report.sent > 0 && unanswered === report.sent ? EXIT_UNREACHABLE : 0
  },
})
