import { readFileSync } from 'node:fs'
import { EVENTS, type History, type Scene } from './history.ts'

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Digits for each event: 18 bits of a hash over the history so far. */
const WIDTH = 3
const RECORDED = new URL('../recorded-histories.txt', import.meta.url)

/** How many histories of each scene are recorded. Their seeds count from 1. */
export const HISTORIES: Readonly<Record<Scene, number>> = { one: 60, capped: 10, many: 60 }

/** One line of the file of recorded histories: the scene, the seed, and after each event the hash of all that followed so far. */
export function lineOf({ scene, seed }: History, effects: readonly string[]): string {
  let hash = 0x811c9dc5
  const digits = effects.map((effect) => {
    for (const character of `${effect}\n`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
    const mixed = (hash ^ (hash >>> 15)) >>> 0
    return [12, 6, 0].map((shift) => DIGITS[(mixed >>> shift) & 63]).join('')
  })
  return `${scene} ${seed} ${digits.join('')}`
}

/** The recorded lines, by scene and seed. */
export function recordedLines(): Map<string, string> {
  const lines = readFileSync(RECORDED, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.split(' ', 2).join(' '), line]))
}

/** Index of the first event after which two lines of one history differ; undefined when they are equal. */
export function firstDifference(line: string, recorded: string): number | undefined {
  const [, , digits = ''] = line.split(' ')
  const [, , expected = ''] = recorded.split(' ')
  for (let index = 0; index < EVENTS; index++) {
    const [from, to] = [index * WIDTH, (index + 1) * WIDTH]
    if (digits.slice(from, to) !== expected.slice(from, to) || expected.length < to) return index
  }
  return undefined
}
