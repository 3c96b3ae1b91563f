import { EXIT_FAILED } from '../exit-codes.ts'
import { type Emitter, exitCodeAfter } from '../signals.ts'
import { frame } from './frame.ts'
import { type Keyboard, watchForQuit } from './leaving.ts'
import { colouredText, plainText } from './line.ts'
import { Screen, type TerminalOutput } from './screen.ts'
import { type OwnProcess, watchForSuspension } from './suspending.ts'
import { type TopState, type WatchOptions, watch } from './watch.ts'

export interface Terminal {
  readonly keyboard: Keyboard
  readonly output: TerminalOutput & Emitter
  /** Emits signals, uncaught errors and the exit. */
  readonly process: OwnProcess
  readonly colour: boolean
}

/** Shows the queue on a terminal until the user quits. Returns the exit code. */
export async function showLive(
  options: WatchOptions,
  { keyboard, output, process: emitter, colour }: Terminal,
): Promise<number> {
  const screen = new Screen(output)
  const text = colour ? colouredText : plainText
  let last: TopState = { url: options.url, pages: undefined, ageMs: 0, lastError: undefined }
  const draw = () => screen.draw(frame(last, screen.width, screen.height).map(text))
  // The terminal is restored before the process ends, so that the error is printed on the ordinary screen.
  const onCrash = (error: unknown) => {
    screen.close()
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(EXIT_FAILED)
  }
  const restore = () => screen.close()
  emitter.on('exit', restore)
  emitter.on('uncaughtException', onCrash)
  output.on('resize', draw)
  const { signal, exitCode, end } = watchForQuit(keyboard, emitter, output)
  const show = () => {
    screen.open()
    draw()
  }
  const endSuspension = watchForSuspension({ keyboard, process: emitter, hide: restore, show })
  try {
    show()
    await watch(options, signal, (state) => {
      last = state
      draw()
    })
  } finally {
    end()
    endSuspension()
    output.off('resize', draw)
    emitter.off('uncaughtException', onCrash)
    emitter.off('exit', restore)
    screen.close()
  }
  // After SIGHUP the terminal may be gone. Node's clean-up at exit would then abort; death by the signal skips it.
  if (exitCode() === exitCodeAfter('SIGHUP')) emitter.kill(emitter.pid, 'SIGHUP')
  return exitCode()
}
