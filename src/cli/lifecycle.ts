import type { RunningProxy } from '../runtimes/runtime.ts'
import type { Log } from '../telemetry/call-log.ts'
import { type Emitter, exitCodeAfter, onSignals } from './signals.ts'

/**
 * Waits for a signal and ends the proxy. After the first signal, running calls may finish. A second signal ends them.
 * @returns the exit code: 0 drained, 1 forced or failed, 128 + the number of a second signal.
 */
export function untilStopped(
  running: Pick<RunningProxy, 'drain' | 'destroy'>,
  log: Log,
  process: Emitter,
): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false
    const giveBack = onSignals(process, ['SIGINT', 'SIGTERM'], (signal) => {
      if (stopping) {
        log.warn('second signal, ending at once', { signal })
        running.destroy()
        finish(exitCodeAfter(signal))
        return
      }
      stopping = true
      log.info('draining: running calls may finish, a second signal ends at once', { signal })
      running.drain().then(
        (how) => finish(how === 'drained' ? 0 : 1),
        (error) => {
          log.error('draining failed', { error })
          finish(1)
        },
      )
    })
    const finish = (code: number) => {
      giveBack()
      resolve(code)
    }
  })
}

/** Calls `run` at SIGHUP, which ends a process without a listener. Windows sends SIGHUP only when a console closes. */
export function onHangup(run: () => void, process: Emitter & { readonly platform: string }): void {
  if (process.platform !== 'win32') process.on('SIGHUP', run)
}

/**
 * Keeps the process alive after a stray error, so that running calls survive. Every stray error is a defect, and is
 * logged with its stack and a count.
 */
export function surviveStrayErrors(log: Log, process: Emitter): void {
  let count = 0
  const logError = (kind: string) => (error: unknown) => {
    count++
    log.error(kind, { count, error })
  }
  process.on('uncaughtException', logError('uncaught exception'))
  process.on('unhandledRejection', logError('unhandled rejection'))
}
