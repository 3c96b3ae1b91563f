import type { EventEmitter } from 'node:events'

/** The process, as the emitter of signals and stray errors. */
export type Emitter = Pick<EventEmitter, 'on' | 'off'>

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

export type Signal = keyof typeof NUMBERS

/** The exit code after a signal, as shells report it. */
export function exitCodeAfter(signal: Signal): number {
  return 128 + NUMBERS[signal]
}

/** Calls `run` at each of the signals. Returns a function that gives the signals back. */
export function onSignals(
  process: Emitter,
  signals: readonly Signal[],
  run: (signal: Signal) => void,
): () => void {
  const handlers = signals.map((signal) => [signal, () => run(signal)] as const)
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
