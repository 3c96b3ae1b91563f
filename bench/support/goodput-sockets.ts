import { Agent, request } from 'node:http'
import { MODEL } from './answers.ts'
import { startSimulator } from './programs.ts'
import { numberAt, startProxy } from './proxy.ts'
import { type Arrival, type Goodput, GoodWork, type Server } from './trace.ts'

export interface Run {
  readonly arrivals: readonly Arrival[]
  readonly server: Server
  readonly deadlineMs: number
  readonly guarded: boolean
  /** What arrives before this is answered but not counted, while the lane learns how long calls take. */
  readonly warmUpMs: number
  readonly windowMs: number
}

type Ending = 'inTime' | 'refused' | 'late'

/** The same over real sockets, through the started proxy or straight to the simulator. Times are those of the client. */
export async function runOverSockets(run: Run): Promise<Goodput> {
  const { server, deadlineMs, guarded, warmUpMs, windowMs } = run
  const { slots, promptRate, outputRate } = server
  const simulator = await startSimulator(slots, promptRate, outputRate)
  const proxy = guarded
    ? await startProxy({ upstream: simulator, parallel: slots, timeout: deadlineMs / 1_000 })
    : undefined
  const agent = new Agent({ keepAlive: true, noDelay: true })
  const url = `${proxy?.url ?? simulator.url}/api/generate`
  const state = async (path: string, method: string): Promise<unknown> =>
    (await fetch(`${simulator.url}${path}`, { method })).json()
  try {
    const counts = { inTime: 0, refused: 0, late: 0 }
    const work = new GoodWork(server, warmUpMs, warmUpMs + windowMs)
    const begun = performance.now()
    const calls: Promise<void>[] = []
    let reset: Promise<unknown> | undefined
    for (const call of run.arrivals) {
      if (call.atMs > warmUpMs + windowMs) break
      // Open loop: a call leaves when the trace says so, whatever became of those before it.
      const aheadMs = begun + call.atMs - performance.now()
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs))
      const counted = call.atMs >= warmUpMs
      if (counted) reset ??= state('/_sim/reset', 'POST')
      const told = ask(url, agent, call, begun + call.atMs + deadlineMs).then(({ ending, firstMs }) => {
        if (counted) counts[ending]++
        if (ending === 'inTime') work.add(call, firstMs - begun)
      })
      calls.push(told)
    }
    await Promise.all(calls)
    await reset
    const peak = numberAt(await state('/_sim/state', 'GET'), 'total', 'peakOnWire')
    const total = counts.inTime + counts.refused + counts.late
    return { goodput: work.ofCapacity, calls: total, ...counts, peak }
  } finally {
    agent.destroy()
    await proxy?.stop()
    await simulator.stop()
  }
}

/** One call. Its client leaves at the deadline when no byte of an answer has come. Rejects when an answer breaks. */
function ask(
  url: string,
  agent: Agent,
  call: Arrival,
  deadline: number,
): Promise<{ ending: Ending; firstMs: number }> {
  // The simulator counts a token for four bytes, and an answer's limit as its exact length.
  const prompt = 'word'.repeat(call.promptTokens)
  const body = JSON.stringify({
    model: MODEL,
    prompt,
    raw: true,
    options: { num_predict: call.outputTokens },
  })
  return new Promise((resolve, reject) => {
    let firstMs = Number.NaN
    let left = false
    const leave = setTimeout(() => {
      left = true
      sent.destroy()
      resolve({ ending: 'late', firstMs })
    }, deadline - performance.now())
    const sent = request(url, { method: 'POST', agent }, (answer) => {
      answer.once('data', () => {
        clearTimeout(leave)
        firstMs = performance.now()
      })
      answer.resume()
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve({ ending: 'inTime', firstMs })
        else if (answer.statusCode === 503) resolve({ ending: 'refused', firstMs })
        else if (answer.statusCode === 504) resolve({ ending: 'late', firstMs })
        else reject(new Error(`status ${answer.statusCode}`))
      })
    })
    sent.on('error', (error) => {
      if (!left) reject(error)
    })
    sent.end(body)
  })
}
