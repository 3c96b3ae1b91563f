/** A zstd block (RFC 8878 section 3.1.1.2). Type 0 holds its bytes, type 1 repeats one byte, type 2 is compressed. */
export function block(type: 0 | 1 | 2, size: number, content: readonly number[], last = 1): number[] {
  const header = (size << 3) | (type << 1) | last
  return [header & 255, (header >> 8) & 255, header >> 16, ...content]
}
export function frameOf(windowLog: number, blocks: readonly (readonly number[])[]): Uint8Array {
  return new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, ...blocks.flat()])
}
/** A frame of RLE blocks: `count` blocks of `size` blanks, and a last block of one blank. */
export function rleFrame(windowLog: number, count: number, size: number): Uint8Array {
  return frameOf(windowLog, [
    ...Array.from({ length: count }, () => block(1, size, [0x20], 0)),
    block(1, 1, [0x20]),
  ])
}
/** A frame that holds the bytes as they are. */
export function rawFrame(content: Uint8Array): Uint8Array {
  return frameOf(17, [block(0, content.length, [...content])])
}

/** A frame that takes several turns to decode, with this text at its end. */
export function longFrame(text: string): Uint8Array {
  const blanks = new Array<number>(128 * 1024).fill(0x20)
  const blocks = Array.from({ length: 5 }, () => block(0, blanks.length, blanks, 0))
  const bytes = [...new TextEncoder().encode(text)]
  return frameOf(17, [...blocks, block(0, bytes.length, bytes)])
}
