import { join } from 'node:path'

const SOURCE = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
/** test/run.ts builds the program once, because a start from the sources takes three times as long. */
const built = process.env.BUILT_MAIN

/** The entry of the program, for Bun. */
export const MAIN = built ?? SOURCE

/** The arguments with which Node starts the program. A test file that is run alone takes the sources. */
export const NODE_MAIN: readonly string[] =
  built === undefined ? ['--import', import.meta.resolve('tsx'), SOURCE] : [built]
