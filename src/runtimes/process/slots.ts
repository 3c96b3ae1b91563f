import { recommendParallel } from '../../config/recommend.ts'
import { readMemory } from './memory.ts'

/** Slots per model; `auto` is what the memory that is available now has room for. */
export async function slotsPerModel(configured: number | 'auto'): Promise<number> {
  return configured === 'auto' ? recommendParallel((await readMemory())?.availableBytes ?? null) : configured
}
