import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { NODE_MAIN } from '../support/main-program.ts'
import type { Gaps } from './gaps.ts'

const root = join(import.meta.dirname, '..', '..')

/** What differs from runtime to runtime: how the proxy is started, and what its platform cannot do. */
export interface Target {
  readonly name: string
  /** Program and arguments before `serve`. */
  readonly command: readonly [string, ...string[]]
  readonly gaps?: Gaps
}

/** A program of ours that runs as its own process and has said where it listens. */
export class Started {
  readonly url: string
  readonly process: ChildProcess
  readonly #lines: string[]

  constructor(url: string, process: ChildProcess, lines: string[]) {
    this.url = url
    this.process = process
    this.#lines = lines
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Everything it has printed so far, both streams. */
  get output(): string {
    return this.#lines.join('\n')
  }

  /** Sends the signal and waits for the end; the exit code, or null when the signal ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode
    const ended = once(this.process, 'exit')
    this.process.kill(signal)
    await ended
    return this.process.exitCode
  }
}

const LISTENS = /(?:^|listens on )(http:\/\/\S+)$/

/** Variables of the configuration, for the options that have no flag. */
export type Variables = Readonly<Record<string, string>>

async function start(
  command: readonly [string, ...string[]],
  args: readonly string[],
  variables: Variables = {},
): Promise<Started> {
  const [program, ...rest] = command
  // Nothing of the configuration that the machine itself may have set.
  const { PATH, HOME, TMPDIR } = process.env
  const env = { PATH, HOME, TMPDIR, CONFIG_FILE: join(import.meta.dirname, 'base.yaml'), ...variables }
  const child = spawn(program, [...rest, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        const [, found] = LISTENS.exec(line) ?? []
        if (found !== undefined && !line.startsWith('{')) resolve(found)
      })
    }
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`exited with ${code} before it listened:\n${lines.join('\n')}`)),
    )
  })
  return new Started(url, child, lines)
}

const onThisNode = [process.execPath, ...NODE_MAIN] as const

/** Ports on which proxies listen or listened. */
export const proxyPorts = new Set<number>()

export async function startSimulator(args: readonly string[], port = 0): Promise<Started> {
  const simulator = await start([...onThisNode], ['simulate', '--port', String(port), ...args])
  // The system may give it the port of a proxy that has ended.
  proxyPorts.delete(simulator.port)
  return simulator
}

export async function startProxy(
  target: Target,
  upstream: string,
  args: readonly string[],
  variables?: Variables,
): Promise<Started> {
  const line = ['serve', '--upstream', upstream, '--port', '0', ...args]
  const proxy = await start(target.command, line, variables)
  proxyPorts.add(proxy.port)
  return proxy
}

export const node: Target = { name: 'node', command: [...onThisNode] }

export interface ModelStats {
  readonly runner: string
  readonly aliases: readonly string[]
  /** Null: no limit. So are the other slots. */
  readonly parallel_limit: number | null
  readonly effective_limit: number | null
  readonly limit_reason: string
  readonly available_slots: number | null
  readonly active_requests: number
  readonly queued_requests: number
  readonly total_processed: number
  readonly total_rejected: number
  readonly total_timed_out: number
  readonly total_cancelled: number
  readonly total_failed: number
  readonly paused: boolean
  readonly stuck: boolean
  readonly loaded: boolean | null
  readonly turn: string
}

export interface SimulatorCounters {
  readonly submitted: number
  readonly started: number
  readonly finished: number
  readonly aborted: number
  readonly active: number
  readonly peakActive: number
  readonly waiting: number
  readonly pending: number
  readonly onWire: number
  readonly peakOnWire: number
}

interface SimulatedLoad {
  readonly model: string
  readonly outcome: string
  readonly evicted: readonly string[]
}

interface SimulatorState {
  readonly models: Readonly<Record<string, SimulatorCounters>>
  readonly weights: Readonly<Record<string, SimulatorCounters>>
  readonly loaded: readonly { readonly model: string }[]
  readonly loads: readonly SimulatedLoad[]
}

interface ShownTurns {
  readonly mode: string
  readonly loaded: readonly { readonly names: readonly string[]; readonly state: string }[]
  readonly next: { readonly names: readonly string[] } | null
  readonly together: readonly (readonly string[])[]
  readonly apart: readonly (readonly string[])[]
  readonly loads?: Readonly<Record<string, number>>
}

interface StatsPage {
  readonly models: Readonly<Record<string, ModelStats>>
  readonly turns: ShownTurns
}

/** A proxy in front of a simulator, each a process of its own, and what their pages tell. */
export class Pair {
  readonly proxy: Started
  simulator: Started
  readonly #simulate: readonly string[]

  private constructor(proxy: Started, simulator: Started, simulate: readonly string[]) {
    this.proxy = proxy
    this.simulator = simulator
    this.#simulate = simulate
  }

  static async start(
    target: Target,
    {
      simulate,
      serve,
      variables,
    }: { simulate: readonly string[]; serve: readonly string[]; variables?: Variables },
  ): Promise<Pair> {
    const simulator = await startSimulator(simulate)
    try {
      return new Pair(await startProxy(target, simulator.url, serve, variables), simulator, simulate)
    } catch (error) {
      await simulator.stop('SIGKILL')
      throw error
    }
  }

  /** The model's figures; all zero before its first call. */
  async stats(model = 'llama3.2'): Promise<ModelStats> {
    return (await this.models())[model] ?? NO_CALLS
  }

  /** The figures of all models, by key. */
  async models(): Promise<StatsPage['models']> {
    return (await this.#stats()).models
  }

  /** The turns of all models. */
  async turns(): Promise<ShownTurns> {
    return (await this.#stats()).turns
  }

  async #stats(): Promise<StatsPage> {
    // Whatever was asked below /admin, the page is then made anew. Otherwise it may be up to 100 ms old.
    await (await fetch(`${this.proxy.url}/admin/nothing`)).text()
    const response = await fetch(`${this.proxy.url}/queue/stats`)
    return (await response.json()) as StatsPage
  }

  async simulated(model = 'llama3.2:latest'): Promise<SimulatorCounters> {
    return (await this.state()).models[model] ?? NOTHING_SEEN
  }

  /** What the simulator has counted under all names of a runner. `runner`: as in /queue/stats. */
  async simulatedRunner(runner: string): Promise<SimulatorCounters> {
    const { weights } = await this.state()
    const found = Object.keys(weights).find((each) => each.startsWith(runner))
    return weights[found ?? ''] ?? NOTHING_SEEN
  }

  /** The names for which the simulator has models in memory. */
  async loaded(): Promise<readonly string[]> {
    return (await this.state()).loaded.map(({ model }) => model)
  }

  async state(): Promise<SimulatorState> {
    return (await (await fetch(`${this.simulator.url}/_sim/state`)).json()) as SimulatorState
  }

  async faults(faults: object): Promise<void> {
    await fetch(`${this.simulator.url}/_sim/faults`, { method: 'POST', body: JSON.stringify(faults) })
  }

  /** Faults of loads by the names of the models; null switches a fault off. */
  async loadFaults(faults: object): Promise<void> {
    await fetch(`${this.simulator.url}/_sim/load-faults`, { method: 'POST', body: JSON.stringify(faults) })
  }

  async resetSimulator(): Promise<void> {
    await fetch(`${this.simulator.url}/_sim/reset`, { method: 'POST' })
  }

  /** Ollama ends and begins again within the same process: models, connections and calls are gone. */
  async restartOllama(): Promise<void> {
    await fetch(`${this.simulator.url}/_sim/restart`, { method: 'POST', body: '{"closedMs":200}' })
  }

  update(change: object): Promise<Response> {
    return fetch(`${this.proxy.url}/admin/queue/update`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(change),
    })
  }

  /** A new simulator on the old one's port, as when Ollama comes back. */
  async restartSimulator(): Promise<void> {
    this.simulator = await startSimulator(this.#simulate, this.simulator.port)
  }

  async stop(): Promise<void> {
    await Promise.all([this.proxy.stop('SIGKILL'), this.simulator.stop('SIGKILL')])
  }
}

const NO_CALLS: ModelStats = {
  runner: '',
  aliases: [],
  parallel_limit: 0,
  effective_limit: 0,
  limit_reason: '',
  available_slots: 0,
  active_requests: 0,
  queued_requests: 0,
  total_processed: 0,
  total_rejected: 0,
  total_timed_out: 0,
  total_cancelled: 0,
  total_failed: 0,
  paused: false,
  stuck: false,
  loaded: null,
  turn: 'none',
}

const NOTHING_SEEN: SimulatorCounters = {
  submitted: 0,
  started: 0,
  finished: 0,
  aborted: 0,
  active: 0,
  peakActive: 0,
  waiting: 0,
  pending: 0,
  onWire: 0,
  peakOnWire: 0,
}
