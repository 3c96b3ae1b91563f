import { defineCommand } from 'citty'
import { z } from 'zod'
import { foregroundClock } from '../clock.ts'
import { EXIT_USAGE } from './exit-codes.ts'
import { patience, tellMistakes } from './load/flag-values.ts'
import { proxyAddress, urlFlag } from './top/address.ts'
import { showLive } from './top/live.ts'
import { printJson, printOnce } from './top/print.ts'

const flags = z.object({ interval: patience })

/** The queue in a terminal. */
export const topCommand = defineCommand({
  meta: {
    name: 'top',
    description:
      'Watch the queue of a running proxy live; q or Ctrl-C leaves. Exit code 2: --once did not reach it (or a wrong flag), 78: wrong configuration.',
  },
  args: {
    url: urlFlag,
    once: {
      type: 'boolean',
      description: 'Print one frame of plain text, as is done when the output is no terminal.',
    },
    json: { type: 'boolean', description: 'Print one JSON object a refresh, with --once exactly one.' },
    interval: {
      type: 'string',
      default: '1',
      valueHint: 'seconds',
      description: 'Time from one refresh to the next.',
    },
  },
  async run({ args }) {
    const parsed = flags.safeParse(args)
    if (!parsed.success) {
      tellMistakes(parsed.error.issues, args)
      return EXIT_USAGE
    }
    const url = proxyAddress(args.url)
    if (typeof url === 'number') return url
    const once = args.once === true
    const watching = { url, clock: foregroundClock, intervalMs: parsed.data.interval * 1_000 }
    if (args.json === true) return printJson(watching, once)
    if (once || !process.stdout.isTTY) return printOnce(url)
    const { stdin, stdout, env } = process
    return showLive(watching, { keyboard: stdin, output: stdout, process, colour: !env.NO_COLOR })
  },
})
