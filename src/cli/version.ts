import { readFileSync } from 'node:fs'

/** The version in package.json, which is two folders above both src/cli and dist/cli. */
export function readVersion(): string {
  const read: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const found = typeof read === 'object' && read !== null && 'version' in read ? read.version : undefined
  if (typeof found !== 'string') throw new Error('package.json names no version')
  return found
}
