import type { Random } from './random.ts'

export interface Share {
  readonly model: string
  /** In relation to the other weights. */
  readonly weight: number
}

/** Reads `llama3.2` or `llama3.2=3,mistral`; a weight left out is 1. Undefined for anything else. */
export function parseMix(text: string): Share[] | undefined {
  const shares: Share[] = []
  for (const part of text.split(',')) {
    const [, model, weight = '1'] = /^\s*([^=\s]+)\s*(?:=\s*(\d+(?:\.\d+)?)\s*)?$/.exec(part) ?? []
    if (model === undefined || Number(weight) === 0) return undefined
    shares.push({ model, weight: Number(weight) })
  }
  return shares
}

/** One of the models, each as often as its weight says. */
export function pickModel(mix: readonly Share[], random: Random): string {
  let left = random() * mix.reduce((sum, { weight }) => sum + weight, 0)
  for (const { model, weight } of mix) {
    left -= weight
    if (left < 0) return model
  }
  return mix.at(-1)?.model ?? ''
}
