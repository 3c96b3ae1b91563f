/** Repeatable numbers, 0 ≤ x < 1, for a seed of 1 or more. */
export function seeded(seed: number): () => number {
  let state = seed % 2_147_483_647
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return (state - 1) / 2_147_483_646
  }
}

/** A draw with mean 1, as memory-less as arrivals are. */
export function exponential(random: () => number): number {
  return -Math.log(1 - random())
}

/** A draw with mean 1 and a standard deviation of 2: a few calls take very long. */
export function heavyTailed(random: () => number): number {
  const variance = Math.log(1 + 2 ** 2)
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.exp(Math.sqrt(variance) * normal - variance / 2)
}
