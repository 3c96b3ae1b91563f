import type { EventEmitter } from 'node:events'

/** A terminal's keyboard. */
export interface Keyboard extends Pick<EventEmitter, 'on' | 'off'> {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  resume(): unknown
  pause(): unknown
}

export interface Leaving {
  readonly signal: AbortSignal
  /** 0 after a key, 128 + the signal's number after a signal. */
  readonly exitCode: () => number
  /** Gives keyboard and signals back. */
  readonly end: () => void
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
export const EXIT_HUNG_UP = 128 + SIGNALS.SIGHUP
/** Of the keys that come as bytes once the terminal hands every key on: q, Q, Ctrl-C. */
const LEAVING_KEYS = ['q', 'Q', '\x03']

/** Watches for q, Ctrl-C, signals and a reader that went away. */
export function watchForLeaving(
  keyboard: Keyboard,
  process: Pick<EventEmitter, 'on' | 'off'>,
  output: Pick<EventEmitter, 'on' | 'off'>,
): Leaving {
  const controller = new AbortController()
  let exitCode = 0
  const leave = (code: number) => {
    if (!controller.signal.aborted) exitCode = code
    controller.abort()
  }
  const onKey = (key: unknown) => {
    if (LEAVING_KEYS.some((each) => String(key).includes(each))) leave(0)
  }
  const onGone = () => leave(0)
  const handlers = Object.entries(SIGNALS).map(([name, number]) => [name, () => leave(128 + number)] as const)
  for (const [name, handler] of handlers) process.on(name, handler)
  output.on('error', onGone)
  const raw = keyboard.isTTY === true && keyboard.setRawMode !== undefined
  if (raw) {
    keyboard.setRawMode?.(true)
    keyboard.on('data', onKey)
    keyboard.resume()
  }
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    end() {
      for (const [name, handler] of handlers) process.off(name, handler)
      output.off('error', onGone)
      if (!raw) return
      keyboard.off('data', onKey)
      keyboard.setRawMode?.(false)
      keyboard.pause()
    },
  }
}
