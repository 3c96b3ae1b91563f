import type { Emitter } from '../signals.ts'
import type { Keyboard } from './leaving.ts'

/** The process of the program: its signals, and the sending of one. */
export interface OwnProcess extends Emitter {
  readonly pid: number
  kill(pid: number, signal: string): unknown
}

const CTRL_Z = '\x1a'
/** The process group of the sender: npm or a pipe stops with its program, as it does without raw mode. */
const OWN_GROUP = 0

export interface Suspending {
  readonly keyboard: Keyboard
  readonly process: OwnProcess
  /** Gives the terminal back. */
  readonly hide: () => void
  /** Takes it again. */
  readonly show: () => void
}

/** Lets a shell stop the program (Ctrl-Z, SIGTSTP) and wake it again. Returns what ends that. */
export function watchForSuspension({ keyboard, process, hide, show }: Suspending): () => void {
  const isTerminal = keyboard.isTTY === true
  const setRaw = (raw: boolean) => {
    if (isTerminal) keyboard.setRawMode?.(raw)
  }
  const stop = () => {
    hide()
    setRaw(false)
    // By the system's own handling, which leaves a program running that no shell could wake again.
    process.off('SIGTSTP', stop)
    process.kill(process.pid, 'SIGTSTP')
    // It stands still above, and goes on here.
    process.on('SIGTSTP', stop)
    setRaw(true)
    show()
  }
  const onKey = (key: unknown) => {
    if (String(key).includes(CTRL_Z)) process.kill(OWN_GROUP, 'SIGTSTP')
  }
  process.on('SIGTSTP', stop)
  // Of anything else a listener would begin to read.
  if (isTerminal) keyboard.on('data', onKey)
  return () => {
    process.off('SIGTSTP', stop)
    keyboard.off('data', onKey)
  }
}
