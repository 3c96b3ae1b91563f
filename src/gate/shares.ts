import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { type PresentCall, Shares } from '../telemetry/shares.ts'
import { keysOf } from './caller-settings.ts'
import { fairSettings } from './fair-settings.ts'

interface ShareParts {
  readonly clock: Pick<Clock, 'now'>
  /** The configuration in force. */
  readonly config: () => Config
  /** The calls that are not over. */
  readonly open: () => Iterable<PresentCall>
}

/** Counts who has how much slot-time, beside the weights in force. */
export function createShares({ clock, config, open }: ShareParts): Shares {
  const weights = weightsInForce(config)
  return new Shares({
    clock,
    open,
    settings: () => fairSettings(config()),
    weightOf: (id) => weights().get(id) ?? 1,
  })
}

/** By name of the key. Made once for each configuration. */
function weightsInForce(config: () => Config): () => ReadonlyMap<string, number> {
  let made: { readonly from: Config; readonly weights: ReadonlyMap<string, number> } | undefined
  return () => {
    const from = config()
    if (made?.from !== from)
      made = { from, weights: new Map(keysOf(from).map(({ name, limits }) => [name, limits.weight ?? 1])) }
    return made.weights
  }
}
