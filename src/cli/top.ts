import { defineCommand } from 'citty'
import { z } from 'zod'
import { foregroundClock } from '../clock.ts'
import { EXIT_USAGE } from './exit-codes.ts'
import { patience, readFlags } from './flag-values.ts'
import { proxyAddress, urlFlag } from './top/address.ts'
import { showLive } from './top/live.ts'
import { printJson, printOnce } from './top/print.ts'

const flags = z.object({ interval: patience })

/** Shows the queue in a terminal. */
export const topCommand = defineCommand({
  meta: {
    name: 'top',
    description:
      'Watch the queue of a running proxy; q or Ctrl-C quits. Exit codes: docs/quick-reference.md.',
  },
  args: {
    url: urlFlag,
    once: {
      type: 'boolean',
      description: 'Print plain text once. This is the default when the output is not a terminal.',
    },
    json: { type: 'boolean', description: 'Print one JSON object per refresh; with --once, exactly one.' },
    interval: {
      type: 'string',
      default: '1',
      valueHint: 'seconds',
      description: 'Time between two refreshes.',
    },
  },
  async run({ args }) {
    const values = readFlags(flags, args)
    if (!values) return EXIT_USAGE
    const url = proxyAddress(args.url)
    if (typeof url === 'number') return url
    const once = args.once === true
    const options = { url, clock: foregroundClock, intervalMs: values.interval * 1_000 }
    if (args.json === true) return printJson(options, once)
    if (once || !process.stdout.isTTY) return printOnce(url)
    const { stdin, stdout, env } = process
    return showLive(options, { keyboard: stdin, output: stdout, process, colour: !env.NO_COLOR })
  },
})
