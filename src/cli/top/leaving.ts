import { type Emitter, exitCodeAfter, onSignals } from '../signals.ts'

/** A terminal's keyboard. */
export interface Keyboard extends Emitter {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  resume(): unknown
  pause(): unknown
}

export interface QuitWatch {
  readonly signal: AbortSignal
  /** 0 after a key, 128 + the signal's number after a signal. */
  readonly exitCode: () => number
  /** Removes all listeners and ends raw mode. */
  readonly end: () => void
}

/** q, Q and Ctrl-C, as the bytes that a terminal sends in raw mode. */
const QUIT_KEYS = ['q', 'Q', '\x03']

/** Watches for q, Ctrl-C, signals and an output that is closed by its reader. */
export function watchForQuit(keyboard: Keyboard, process: Emitter, output: Emitter): QuitWatch {
  const controller = new AbortController()
  let exitCode = 0
  const quit = (code: number) => {
    if (!controller.signal.aborted) exitCode = code
    controller.abort()
  }
  const onKey = (key: unknown) => {
    if (QUIT_KEYS.some((quitKey) => String(key).includes(quitKey))) quit(0)
  }
  const onOutputError = () => quit(0)
  const removeSignalHandlers = onSignals(process, ['SIGHUP', 'SIGINT', 'SIGTERM'], (signal) =>
    quit(exitCodeAfter(signal)),
  )
  output.on('error', onOutputError)
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
      removeSignalHandlers()
      output.off('error', onOutputError)
      if (!raw) return
      keyboard.off('data', onKey)
      keyboard.setRawMode?.(false)
      keyboard.pause()
    },
  }
}
