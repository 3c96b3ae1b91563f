import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Cancel, Clock } from '../clock.ts'

/** Saving takes several steps. Between the steps the file may be empty, incomplete or missing. */
const QUIET_MS = 250

/** Kubernetes replaces entries with this prefix when it updates a mounted folder: `..data`, `..2026_11_22_…`. */
const SWAPPED = '..'

export interface WatchParts {
  readonly path: string
  readonly clock: Clock
  /** Called once after a change, when the file has been quiet for QUIET_MS. */
  readonly changed: () => void
  /** Called when the file cannot be watched, or can no longer be watched. */
  readonly failed: (error: unknown) => void
}

/** Watches the folder of a file, since most programs save by putting a new file in place. The file need not exist. */
export function watchFile({ path, clock, changed, failed }: WatchParts): Cancel {
  const name = basename(path)
  const settled = afterQuiet(clock, changed)
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, touched) => {
      if (touched === null || touched === name || touched.startsWith(SWAPPED)) settled.touch()
    })
    watcher.on('error', failed)
    return () => {
      watcher.close()
      settled.cancel()
    }
  } catch (error) {
    failed(error)
    return () => {}
  }
}

/** Calls `run` once, QUIET_MS after the last touch. */
export function afterQuiet(clock: Clock, run: () => void): { touch(): void; cancel: Cancel } {
  let cancel: Cancel = () => {}
  return {
    touch() {
      cancel()
      cancel = clock.after(QUIET_MS, run)
    },
    cancel: () => cancel(),
  }
}
