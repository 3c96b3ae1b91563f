import { type Child, LOAD_CORE, PROXY_CORE, start } from './child.ts'

const URL_LINE = /^(http:\S+)$/m

/** A TypeScript program of this folder as a process of its own. */
function program(file: string, args: readonly string[]): string[] {
  const path = new URL(file, import.meta.url).pathname
  return [process.execPath, '--import', import.meta.resolve('tsx'), path, ...args]
}

export function startUpstream(): Promise<Child> {
  return start(program('upstream.ts', []), { core: LOAD_CORE, ready: URL_LINE })
}

/** `blind`: does not read the body. */
export function startPlainRelay(upstream: string, blind = false): Promise<Child> {
  const args = blind ? [upstream, '--blind'] : [upstream]
  return start(program('plain-relay.ts', args), { core: PROXY_CORE, ready: URL_LINE })
}

/** Rates are tokens a second of each slot. */
export function startSimulator(slots: number, promptRate: number, outputRate: number): Promise<Child> {
  const args = [slots, promptRate, outputRate].map(String)
  return start(program('simulator.ts', args), { core: LOAD_CORE, ready: URL_LINE })
}
