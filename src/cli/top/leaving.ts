import { type Emitter, exitCodeAfter, onSignals } from '../signals.ts'

/** A terminal's keyboard. */
export interface Keyboard extends Emitter {
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

/** Of the keys that come as bytes once the terminal hands every key on: q, Q, Ctrl-C. */
const LEAVING_KEYS = ['q', 'Q', '\x03']

/** Watches for q, Ctrl-C, signals and a reader that went away. */
export function watchForLeaving(keyboard: Keyboard, process: Emitter, output: Emitter): Leaving {
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
  const giveBack = onSignals(process, ['SIGHUP', 'SIGINT', 'SIGTERM'], (signal) =>
    leave(exitCodeAfter(signal)),
  )
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
      giveBack()
      output.off('error', onGone)
      if (!raw) return
      keyboard.off('data', onKey)
      keyboard.setRawMode?.(false)
      keyboard.pause()
    },
  }
}
