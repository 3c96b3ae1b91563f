const GIB = 2 ** 30

/**
 * Slots per model. Ollama keeps a context in memory for each slot.
 * @param availableBytes null where memory is unknown.
 */
export function recommendParallel(availableBytes: number | null): number {
  if (availableBytes === null) return 1
  if (availableBytes >= 16 * GIB) return 4
  return availableBytes >= 8 * GIB ? 2 : 1
}

const MIB = 2 ** 20

/**
 * Memory for the bodies of waiting calls: an eighth of the available memory, from 64 MiB to the default of 512 MiB.
 * @param availableBytes null where memory is unknown.
 */
export function recommendQueueBytes(availableBytes: number | null): number {
  const eighth = Math.floor((availableBytes ?? 0) / 8 / MIB) * MIB
  return Math.min(512 * MIB, Math.max(64 * MIB, eighth))
}
