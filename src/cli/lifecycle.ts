import type { RunningProxy } from '../runtimes/runtime.ts'
import type { Log } from '../telemetry/call-log.ts'

/** What emits signals and stray errors: the process. */
export type Emitter = Pick<NodeJS.EventEmitter, 'on' | 'off'>

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const

/**
 * Waits for a signal and ends the proxy. The first lets running calls finish, a second one ends at once.
 * @returns the exit code: 0 drained, 1 forced or failed, 128 + the signal's number after a second one.
 */
export function untilStopped(
  running: Pick<RunningProxy, 'drain' | 'destroy'>,
  log: Log,
  process: Emitter,
): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false
    const stop = (signal: keyof typeof SIGNALS) => {
      if (stopping) {
        log.warn('second signal, ending at once', { signal })
        running.destroy()
        finish(128 + SIGNALS[signal])
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
    }
    const onInterrupt = () => stop('SIGINT')
    const onTerminate = () => stop('SIGTERM')
    const finish = (code: number) => {
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
      resolve(code)
    }
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
  })
}

/** Calls back at SIGHUP, which without a listener would end the process. Windows sends it as the end of a console. */
export function onHangup(run: () => void, process: Emitter & { readonly platform: string }): void {
  if (process.platform !== 'win32') process.on('SIGHUP', run)
}

/**
 * Keeps a stray error from taking every running call down with it. Each one is a defect: it is logged with its
 * stack and the number of them so far.
 */
export function surviveStrayErrors(log: Log, process: Emitter): void {
  let count = 0
  const tell = (kind: string) => (error: unknown) => {
    count++
    log.error(kind, { count, error })
  }
  process.on('uncaughtException', tell('uncaught exception'))
  process.on('unhandledRejection', tell('unhandled rejection'))
}
