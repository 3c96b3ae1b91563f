import { EXIT_FAILED } from '../exit-codes.ts'
import { type Emitter, exitCodeAfter } from '../signals.ts'
import { frame } from './frame.ts'
import { type Keyboard, watchForLeaving } from './leaving.ts'
import { colouredText, plainText } from './line.ts'
import { Screen, type TerminalOutput } from './screen.ts'
import { type OwnProcess, watchForSuspension } from './suspending.ts'
import { type TopState, type Watching, watch } from './watch.ts'

export interface Terminal {
  readonly keyboard: Keyboard
  readonly output: TerminalOutput & Emitter
  /** Emits signals, stray errors and the end. */
  readonly process: OwnProcess
  readonly colour: boolean
}

/** Shows the queue on a terminal until somebody leaves. Returns the exit code. */
export async function showLive(
  watching: Watching,
  { keyboard, output, process: emitter, colour }: Terminal,
): Promise<number> {
  const screen = new Screen(output)
  const text = colour ? colouredText : plainText
  let last: TopState = { url: watching.url, pages: undefined, ageMs: 0, lost: undefined }
  const draw = () => screen.draw(frame(last, screen.width, screen.height).map(text))
  // Whatever ends the process, the terminal is given back first, and the reason is told on the ordinary screen.
  const crashed = (error: unknown) => {
    screen.close()
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(EXIT_FAILED)
  }
  const restore = () => screen.close()
  emitter.on('exit', restore)
  emitter.on('uncaughtException', crashed)
  output.on('resize', draw)
  const { signal, exitCode, end } = watchForLeaving(keyboard, emitter, output)
  const show = () => {
    screen.open()
    draw()
  }
  const endSuspension = watchForSuspension({ keyboard, process: emitter, hide: restore, show })
  try {
    show()
    await watch(watching, signal, (state) => {
      last = state
      draw()
    })
  } finally {
    end()
    endSuspension()
    output.off('resize', draw)
    emitter.off('uncaughtException', crashed)
    emitter.off('exit', restore)
    screen.close()
  }
  // The terminal may be gone: Node aborts over that when it cleans up, and a signal leaves it no time to.
  if (exitCode() === exitCodeAfter('SIGHUP')) emitter.kill(emitter.pid, 'SIGHUP')
  return exitCode()
}
