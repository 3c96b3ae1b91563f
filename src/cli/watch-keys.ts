import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Cancel } from '../clock.ts'
import { type WatchParts, watchFile } from './watch-file.ts'

export interface KeysWatchParts extends Omit<WatchParts, 'path' | 'failed'> {
  /** The path of the keys_file now; undefined for none. Throws where the configuration cannot be read. */
  readonly keysFile: () => string | undefined
  readonly failed: (path: string, error: unknown) => void
}

/** Watches the keys_file. The configuration may name another file at any time. */
export class KeysWatch {
  readonly #parts: KeysWatchParts
  #paths: readonly string[] = []
  #watches: readonly Cancel[] = []

  constructor(parts: KeysWatchParts) {
    this.#parts = parts
  }

  /** Looks which file is the keys_file now, and watches this one. */
  follow(): void {
    let named: string | undefined
    try {
      named = this.#parts.keysFile()
    } catch {
      // The old keys stay in force while the configuration is wrong, and so does the watch over their file.
      return
    }
    const paths = named === undefined ? [] : withTarget(named)
    if (paths.join('\0') === this.#paths.join('\0')) return
    this.stop()
    this.#paths = paths
    const { clock, changed, failed } = this.#parts
    this.#watches = paths.map((path) =>
      watchFile({ path, clock, changed, failed: (error) => failed(path, error) }),
    )
  }

  stop(): void {
    for (const stop of this.#watches) stop()
    this.#watches = []
    this.#paths = []
  }
}

/** The commands below `key` follow links, so a new file can appear in the folder of the target. */
function withTarget(path: string): string[] {
  try {
    const target = realpathSync(path)
    const isLink = target !== join(realpathSync(dirname(path)), basename(path))
    return isLink ? [path, target] : [path]
  } catch {
    // The file is not there yet.
    return [path]
  }
}
