import { LOAD_CORE, PROXY_CORE, type Server, start } from './child.ts'

/** Starts a TypeScript program of this folder as a process of its own; it prints its URL. */
async function program(file: string, args: readonly string[], core: number): Promise<Server> {
  const path = new URL(file, import.meta.url).pathname
  const command = [process.execPath, '--import', import.meta.resolve('tsx'), path, ...args]
  const child = await start(command, { core, ready: /^(http:\S+)$/m })
  return { ...child, url: child.said }
}

export function startUpstream(): Promise<Server> {
  return program('upstream.ts', [], LOAD_CORE)
}

export function startPlainRelay(upstream: Server): Promise<Server> {
  return program('plain-relay.ts', [upstream.url], PROXY_CORE)
}

export function startBareRelay(upstream: Server): Promise<Server> {
  return program('bare-relay.ts', [upstream.url], PROXY_CORE)
}

/** The bare relay behind Hono and its server for Node. */
export function startHonoRelay(upstream: Server): Promise<Server> {
  return program('bare-relay.ts', [upstream.url, 'hono'], PROXY_CORE)
}

/** Rates are tokens a second of each slot. */
export function startSimulator(slots: number, promptRate: number, outputRate: number): Promise<Server> {
  return program('simulator.ts', [slots, promptRate, outputRate].map(String), LOAD_CORE)
}
