import { recommendParallel } from '../config/recommend.ts'
import type { MemoryFigures } from '../pages/queue.ts'
import { hundredths, type Memory } from '../telemetry/snapshot.ts'

const GIB = 2 ** 30

/** The figures of `GET /queue/memory`. */
export function memoryFigures(memory: Memory): MemoryFigures {
  if (memory === null) {
    const recommended_parallel = recommendParallel(null)
    return { total_gb: null, available_gb: null, used_gb: null, percent: null, recommended_parallel }
  }
  const total = hundredths(memory.totalBytes / GIB)
  const available = hundredths(memory.availableBytes / GIB)
  return {
    total_gb: total,
    available_gb: available,
    used_gb: hundredths(total - available),
    percent: Math.round((1 - memory.availableBytes / memory.totalBytes) * 1_000) / 10,
    recommended_parallel: recommendParallel(memory.availableBytes),
  }
}
