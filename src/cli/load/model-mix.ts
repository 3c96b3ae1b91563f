import type { Random } from './random.ts'

export interface ModelShare {
  readonly model: string
  /** Relative to the other weights. */
  readonly weight: number
}

/** Parses `llama3.2` or `llama3.2=3,mistral`. The default weight is 1. Undefined for any other text. */
export function parseMix(text: string): ModelShare[] | undefined {
  const shares: ModelShare[] = []
  for (const part of text.split(',')) {
    const [, model, weight = '1'] = /^\s*([^=\s]+)\s*(?:=\s*(\d+(?:\.\d+)?)\s*)?$/.exec(part) ?? []
    if (model === undefined || Number(weight) === 0) return undefined
    shares.push({ model, weight: Number(weight) })
  }
  return shares
}

/** Picks a model at random, in proportion to the weights. */
export function pickModel(mix: readonly ModelShare[], random: Random): string {
  let left = random() * mix.reduce((sum, { weight }) => sum + weight, 0)
  for (const { model, weight } of mix) {
    left -= weight
    if (left < 0) return model
  }
  return mix.at(-1)?.model ?? ''
}
