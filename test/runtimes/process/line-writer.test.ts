import assert from 'node:assert/strict'
import { it } from 'node:test'
import { LineWriter } from '../../../src/runtimes/process/line-writer.ts'

/** Adds each line once the one before was tried, to a target that takes only the lines that `takes` says. */
async function addAll(lines: readonly string[], takes: (line: string) => boolean): Promise<string[]> {
  const told: string[] = []
  let tried = () => {}
  const target = {
    async write(bytes: Buffer) {
      setImmediate(tried)
      if (takes(String(bytes))) return bytes.length
      throw new Error(`no room for ${bytes}`)
    },
    recovers: () => true,
  }
  const writer = new LineWriter(
    target,
    (dropped) => told.push(`${dropped} dropped`),
    (error) => told.push(String(error)),
  )
  for (const line of lines) {
    const over = new Promise<void>((resolve) => {
      tried = resolve
    })
    writer.add(line)
    await over
  }
  await writer.close()
  return told
}

it('tells once that writing fails, and how many lines are missing once it works', async () => {
  const told = await addAll(['1\n', '2\n', '3\n', '4\n'], (line) => line === '1\n' || line === '4\n')
  assert.deepEqual(told, ['Error: no room for 2\n', '2 dropped'])
})

it('tells again when writing fails after it has worked', async () => {
  const told = await addAll(['1\n', '2\n', '3\n'], (line) => line === '2\n')
  assert.deepEqual(told, ['Error: no room for 1\n', '1 dropped', 'Error: no room for 3\n'])
})
