import { CLOUD, type Limits } from './contract.ts'
import { type LaneLimits, laneLimits } from './lane-limit.ts'

/** The limits that operators set: the defaults, and limits of single models. */
export class LaneSettings {
  /** Of the lanes without limits of their own. */
  #shared: LaneLimits
  /** By model key, the limits that were set last at the end. */
  readonly #own = new Map<string, Partial<Limits>>()

  /** `auto`: the default number of slots is where `auto` begins. */
  constructor(defaults: Limits, auto: boolean) {
    this.#shared = laneLimits(defaults, !auto)
  }

  get defaults(): Limits {
    return this.#shared.limits
  }

  /** Whether limits of this model were set. */
  has(model: string): boolean {
    return this.#own.has(model)
  }

  changeDefaults(change: Partial<Limits>, auto: boolean): void {
    const chosen = change.parallel === undefined ? this.#shared.chosen : !auto
    this.#shared = laneLimits({ ...this.defaults, ...change }, chosen)
  }

  change(model: string, change: Partial<Limits>): void {
    const own = { ...this.#own.get(model), ...change }
    this.#own.delete(model)
    this.#own.set(model, own)
  }

  clear(model: string, limits: readonly (keyof Limits)[]): void {
    const own: { -readonly [K in keyof Limits]?: Limits[K] } = { ...this.#own.get(model) }
    for (const limit of limits) delete own[limit]
    if (Object.keys(own).length > 0) this.#own.set(model, own)
    else this.#own.delete(model)
  }

  /** The limits of a lane. Lanes without limits of their own share one object. A limit that was set for one name counts for all names; the limit that was set last counts. */
  of(runner: string | undefined, names: readonly string[]): LaneLimits {
    const isCloud = runner === CLOUD
    const own = this.#ownOf(names)
    if (own === undefined && !isCloud) return this.#shared
    const { parallel, queue } = this.#shared.limits
    const limits = {
      parallel: own?.parallel ?? (isCloud ? Number.POSITIVE_INFINITY : parallel),
      queue: own?.queue ?? queue,
    }
    return laneLimits(limits, isCloud || own?.parallel !== undefined || this.#shared.chosen)
  }

  #ownOf(names: readonly string[]): Partial<Limits> | undefined {
    const [name = ''] = names
    if (names.length <= 1) return this.#own.get(name)
    let merged: Partial<Limits> | undefined
    for (const [model, own] of this.#own) if (names.includes(model)) merged = { ...merged, ...own }
    return merged
  }
}
