/**
 * What it costs to find out who is calling, once the code is warm.
 *
 *     node --import tsx bench/identity.ts [--json FILE]
 *
 * Ends with 1 when a target was missed.
 */
import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import type { Presented } from '../src/callers/presented.ts'
import { aKey, anIdentity, aRequest, basic, hashed, OllamaKey } from '../test/callers/support/builders.ts'
import { ManualClock } from '../test/support/manual-clock.ts'
import { Report } from './support/admission-report.ts'

const ROUNDS = 7
const CALLS = 50_000
/** To make a signature takes as long as to verify it. */
const SIGNATURES = 1_000

/** Of the CPU of a process with nothing else to do: nanoseconds for each call, a figure for each round. */
function measured(calls: number, ask: (index: number) => void): number[] {
  const rounds = Array.from({ length: ROUNDS + 1 }, (_, round) => {
    const before = process.cpuUsage()
    for (let index = 0; index < calls; index++) ask(round * calls + index)
    const { user, system } = process.cpuUsage(before)
    return ((user + system) * 1_000) / calls
  })
  // The first round compiles.
  return rounds.slice(1)
}

const { values } = parseArgs({ options: { json: { type: 'string' } } })
const report = new Report('identity')
const secretOf = (index: number) => `sk-ogp-k${index}-${'x'.repeat(36)}${String(index).padStart(7, '0')}`

for (const count of [1, 10_000]) {
  const keys = Array.from({ length: count }, (_, index) =>
    aKey(`k${index}`, { hash: hashed(secretOf(index)), address: [`10.${index >> 8}.${index & 255}.0/24`] }),
  )
  const identity = anIdentity(keys)
  const found = (request: Presented) => {
    const identified = identity.identify(request)
    assert.ok(!(identified instanceof Promise) && !('code' in identified))
  }
  const ask = (requests: readonly Presented[]) => (index: number) => {
    const request = requests[index % requests.length]
    if (request !== undefined) found(request)
  }
  const each = Array.from({ length: Math.min(count, 1_000) }, (_, index) => index * Math.ceil(count / 1_000))
  const bearers = each.map((index) => aRequest({ authorization: `Bearer ${secretOf(index % count)}` }))
  const basics = each.map((index) => aRequest({ authorization: basic('any', secretOf(index % count)) }))
  const addresses = each.map((index) => aRequest({}, { clientAddress: `10.${index >> 8}.${index & 255}.7` }))
  const among = `${count} ${count === 1 ? 'key' : 'keys'}`
  report.row(`Bearer, ${among}`, 'ns', measured(CALLS, ask(bearers)), { most: 3_000 })
  report.row(`Basic, ${among}`, 'ns', measured(CALLS, ask(basics)))
  report.row(`address, seen before, ${among}`, 'ns', measured(CALLS, ask(addresses)))
}

const signer = new OllamaKey()
const clock = new ManualClock()
const identity = anIdentity([aKey('ops', { ed25519: signer.line })], {}, { clock })
const seconds = Math.floor(clock.wallTime() / 1_000)
const signed = Array.from({ length: SIGNATURES * (ROUNDS + 1) }, (_, index) =>
  signer.request(seconds, { path: `/api/chat/${index}` }),
)
const verify = (index: number) => {
  const request = signed[index % signed.length]
  assert.ok(request !== undefined)
  const identified = identity.identify(request)
  assert.ok(!(identified instanceof Promise) && !('code' in identified))
}
report.row('signature, first', 'ns', measured(SIGNATURES, verify), { most: 250_000 })
report.row('signature, seen before', 'ns', measured(CALLS, verify))
if (values.json !== undefined) report.save(values.json)
process.exitCode = report.met ? 0 : 1
