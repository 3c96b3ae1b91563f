import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects all garbage before it returns. Throws on a platform that does not let itself be asked. */
export const collectGarbage: () => void = onBun() ?? onNode()

function onBun(): (() => void) | undefined {
  const bun: { gc(sync: boolean): unknown } | undefined = Reflect.get(globalThis, 'Bun')
  return bun && (() => void bun.gc(true))
}

function onNode(): () => void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  if (typeof gc !== 'function') throw new Error('no garbage collection to be asked for')
  return () => void gc()
}
