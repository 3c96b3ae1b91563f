import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A config.yaml of its own for one proxy, for the options that have no flag. */
export class ConfigFile {
  readonly path: string
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
    this.path = join(folder, 'config.yaml')
  }

  static async write(text: string): Promise<ConfigFile> {
    const file = new ConfigFile(await mkdtemp(join(tmpdir(), 'guard-')))
    await writeFile(file.path, text)
    return file
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true })
  }
}
