import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Cancel, Clock } from '../clock.ts'

/** Saving takes several steps, and between them the file is empty, half written or not there. */
const QUIET_MS = 250

/** What Kubernetes turns round when it brings a new version of all files of a folder: `..data`, `..2026_11_22_…`. */
const SWAPPED = '..'

export interface WatchParts {
  readonly path: string
  readonly clock: Clock
  /** Called once after a change, when nothing has happened to the file for a while. */
  readonly changed: () => void
  /** Called when it cannot be watched, or not any longer. */
  readonly failed: (error: unknown) => void
}

/** Watches a file that need not exist. Its folder is what is watched: most programs that save put a new file in place. */
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

/** Runs once when the last touch is a quarter of a second old. */
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
