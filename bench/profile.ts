/**
 * Where the proxy's time goes under the load of the overhead bench: self time by function and by who wrote it.
 *
 *     node --import tsx bench/profile.ts [--quick] [--streams]
 */
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callBody, TARGETS } from './support/answers.ts'
import { type CpuProfile, callersOf, groupTimes, selfTimes } from './support/cpu-profile.ts'
import { isQuick } from './support/findings.ts'
import { builtOn, startProxy } from './support/proxy.ts'
import { say } from './support/rounds.ts'
import { startFastUpstream } from './support/servers.ts'
import { post } from './support/wrk.ts'

const SECONDS = isQuick() ? 3 : 10
const FUNCTIONS = 40
const streams = process.argv.includes('--streams')
const [target, connections] = streams ? [TARGETS.stream, 32] : [TARGETS.whole, 64]

const folder = mkdtempSync(join(tmpdir(), 'guard-profile-'))
const upstream = await startFastUpstream()
const profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']
const program = builtOn(process.execPath, ...profiling)
const proxy = await startProxy({ upstream, parallel: 128, program })
try {
  const load = await post(`${proxy.url}${target}`, callBody(streams), connections, SECONDS)
  say(`${Math.round(load.requestsPerSecond)}/s while profiled, ${connections} connections, ${target}`)
  // The profile is written when the process ends by itself.
  const ended = once(proxy.process, 'exit')
  proxy.process.kill('SIGTERM')
  await ended
  print(readProfile(), load.requests)
} finally {
  await proxy.stop()
  await upstream.stop()
  rmSync(folder, { recursive: true })
}

function readProfile(): CpuProfile {
  const [file] = readdirSync(folder)
  if (file === undefined) throw new Error('the proxy left no profile')
  return JSON.parse(readFileSync(join(folder, file), 'utf8'))
}

function print(profile: CpuProfile, requests: number): void {
  const times = selfTimes(profile)
  const busy = times.filter(({ group }) => group !== 'idle').reduce((sum, { micros }) => sum + micros, 0)
  const line = (micros: number, name: string) => {
    const share = ((100 * micros) / busy).toFixed(1).padStart(5)
    say(`  ${share} %  ${(micros / requests).toFixed(2).padStart(7)} µs a call  ${name}`)
  }
  say(
    `\nBusy ${(busy / 1e6).toFixed(2)} s, ${(busy / requests).toFixed(1)} µs a call, start included. By group:`,
  )
  for (const { group, micros } of groupTimes(times)) if (group !== 'idle') line(micros, group)
  say('\nBy function, self time:')
  for (const { micros, group, name } of times.filter((one) => one.group !== 'idle').slice(0, FUNCTIONS)) {
    line(micros, `${group}: ${name}`)
  }
  for (const native of ['writev', 'writeLatin1String', 'writeUtf8String']) {
    const callers = callersOf(native, profile)
    if (callers.length > 0) say(`\n${native}, by who wrote:`)
    for (const { micros, group, name } of callers.slice(0, 5)) line(micros, `${group}: ${name}`)
  }
}
