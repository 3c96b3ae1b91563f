import type { Emitter } from '../signals.ts'
import type { Keyboard } from './leaving.ts'

/** The process of this program: receives signals and sends signals. */
export interface OwnProcess extends Emitter {
  readonly pid: number
  kill(pid: number, signal: string): unknown
}

const CTRL_Z = '\x1a'
/** kill(0) signals the whole process group, so that npm or a pipe stops too, as Ctrl-Z does without raw mode. */
const OWN_GROUP = 0

export interface SuspensionOptions {
  readonly keyboard: Keyboard
  readonly process: OwnProcess
  /** Restores the ordinary screen. */
  readonly hide: () => void
  /** Opens the alternate screen again. */
  readonly show: () => void
}

/** Lets a shell stop the program (Ctrl-Z, SIGTSTP) and continue it. Returns a function that removes the listeners. */
export function watchForSuspension({ keyboard, process, hide, show }: SuspensionOptions): () => void {
  const isTerminal = keyboard.isTTY === true
  const setRaw = (raw: boolean) => {
    if (isTerminal) keyboard.setRawMode?.(raw)
  }
  const stop = () => {
    hide()
    setRaw(false)
    // Without a listener the system stops the process, except when no shell could continue the process.
    process.off('SIGTSTP', stop)
    process.kill(process.pid, 'SIGTSTP')
    // kill() stopped the process. The process continues here.
    process.on('SIGTSTP', stop)
    setRaw(true)
    show()
  }
  const onKey = (key: unknown) => {
    if (String(key).includes(CTRL_Z)) process.kill(OWN_GROUP, 'SIGTSTP')
  }
  process.on('SIGTSTP', stop)
  // A listener starts to read the input, so only a terminal gets a listener.
  if (isTerminal) keyboard.on('data', onKey)
  return () => {
    process.off('SIGTSTP', stop)
    keyboard.off('data', onKey)
  }
}
