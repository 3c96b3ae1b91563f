import { type FileHandle, open } from 'node:fs/promises'

/** Read at once: some thousand lines. */
const CHUNK_BYTES = 2 ** 20
/** Kept of a line whose end is not read yet. Lines of the log are shorter; a file without newlines must not fill the memory. */
const MOST_LINE_BYTES = 64 * 2 ** 10
const NEWLINE = 10
/** The first bytes of a gzip file. */
const GZIP = [0x1f, 0x8b]

/** A file that holds no lines of text. */
export class NotText extends Error {
  override readonly name = 'NotText'
}

/**
 * The lines of a file, some thousand at a time, so that a file of any size takes little memory.
 * @throws NotText, or Error of the file system.
 */
export async function* linesOf(path: string): AsyncGenerator<readonly string[]> {
  const handle = await open(path)
  try {
    yield* linesIn(handle, path)
  } finally {
    await handle.close()
  }
}

async function* linesIn(handle: FileHandle, path: string): AsyncGenerator<readonly string[]> {
  const buffer = Buffer.allocUnsafe(MOST_LINE_BYTES + CHUNK_BYTES)
  // Bytes at the start of the buffer: a line whose end is not read yet.
  let kept = 0
  let isFirst = true
  for (;;) {
    const { bytesRead } = await handle.read(buffer, kept, CHUNK_BYTES)
    const filled = buffer.subarray(0, kept + bytesRead)
    if (isFirst && GZIP.every((byte, index) => filled[index] === byte))
      throw new NotText(`${path} is compressed: unpack the file first, as with gunzip`)
    isFirst = false
    const end = bytesRead === 0 ? filled.length : filled.lastIndexOf(NEWLINE) + 1
    if (end > 0) yield linesWithin(filled.toString('utf8', 0, end))
    if (bytesRead === 0) return
    kept = Math.min(filled.length - end, MOST_LINE_BYTES)
    buffer.copyWithin(0, end, end + kept)
  }
}

function linesWithin(text: string): string[] {
  const lines = text.split('\n')
  // What follows the last newline is no line.
  if (lines.at(-1) === '') lines.pop()
  return lines
}
