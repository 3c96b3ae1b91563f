import { systemClock } from '../../../../src/clock.ts'
import { UsageFile } from '../../../../src/runtimes/process/usage-file.ts'
import { aRecord } from '../../../callers/support/usage-builders.ts'

// A proxy as far as usage goes: `usage-writer.ts DIR CALLS PAUSE_MS` charges a call at a time and says so on stdout.
// The end of stdin stops the proxy.
const [dir = '', calls = '', pauseMs = ''] = process.argv.slice(2)
const say = (line: string) => void process.stdout.write(`${line}\n`)
// A file that reaches the limit of its size causes this signal, which would end the process.
process.on('SIGXFSZ', () => {})
const file = new UsageFile({ dir, clock: systemClock, log: { info: say, warn: say } })
let call = 0
const timer = setInterval(() => {
  call++
  file.add(
    aRecord({
      at: Date.now(),
      id: `${process.pid} ${call}`,
      slotMs: call / 8,
      tokensIn: call,
      tokensOut: 1,
    }),
  )
  say(`call ${call}`)
  if (call === Number(calls)) clearInterval(timer)
}, Number(pauseMs))
process.stdin.resume().once('end', () => file.close())
