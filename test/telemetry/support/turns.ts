import type {
  RunnerLeave,
  RunnerLoad,
  RunnerTurn,
  TurnRunner,
  TurnsView,
} from '../../../src/admission/turns/contract.ts'

/** A runner with one name, all options automatic. */
export function aRunner(name: string, options = ''): TurnRunner {
  return { runner: `sha256-${name}`, names: [name], options }
}

/** A load of ten seconds after five seconds of drain. */
export function aLoad(name: string, at: number, change: Partial<RunnerLoad> = {}): RunnerLoad {
  return {
    ...aRunner(name),
    reason: 'idle',
    from: [],
    at,
    drainMs: 5_000,
    loadMs: 10_000,
    failed: false,
    ...change,
  }
}

export function aLeave(name: string, at: number, reason: RunnerLeave['reason'] = 'evicted'): RunnerLeave {
  return { ...aRunner(name), reason, at }
}

/** The turns of an Ollama with these runners. */
export function aView(runners: readonly RunnerTurn[], change: Partial<TurnsView> = {}): TurnsView {
  return {
    mode: 'auto',
    runners: () => runners,
    next: () => undefined,
    creditMs: () => 0,
    together: () => [],
    apart: () => [],
    ...change,
  }
}
