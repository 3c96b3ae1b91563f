import { CLOUD, type Limits } from './contract.ts'
import { type LaneLimits, laneLimits } from './lane-limit.ts'

/** A limit of one model. */
interface Setting {
  readonly value: number
  /** Grows with each setting, so that the last one of several names is known. */
  readonly order: number
}

type OwnLimits = { readonly [Limit in keyof Limits]?: Setting | undefined }

/** The limits that operators set: the defaults, and limits of single models. */
export class LaneSettings {
  /** Of the lanes without limits of their own. */
  #shared: LaneLimits
  readonly #own = new Map<string, OwnLimits>()
  #order = 0

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

  change(model: string, { parallel, queue }: Partial<Limits>): void {
    const order = ++this.#order
    this.#own.set(model, {
      ...this.#own.get(model),
      ...(parallel !== undefined && { parallel: { value: parallel, order } }),
      ...(queue !== undefined && { queue: { value: queue, order } }),
    })
  }

  clear(model: string, limits: readonly (keyof Limits)[]): void {
    const kept = { ...this.#own.get(model), ...Object.fromEntries(limits.map((limit) => [limit, undefined])) }
    if (kept.parallel ?? kept.queue) this.#own.set(model, kept)
    else this.#own.delete(model)
  }

  /**
   * The limits of a lane. A limit that was set for one of its names counts for all of them, and the limit that was set
   * last counts. Lanes without limits of their own share one object.
   */
  of(runner: string | undefined, names: readonly string[]): LaneLimits {
    const isCloud = runner === CLOUD
    const { defaults } = this
    const [parallel, queue] = [this.#last('parallel', names), this.#last('queue', names)]
    if (parallel === undefined && queue === undefined && !isCloud) return this.#shared
    const limits = {
      parallel: parallel?.value ?? (isCloud ? Number.POSITIVE_INFINITY : defaults.parallel),
      queue: queue?.value ?? defaults.queue,
    }
    return laneLimits(limits, isCloud || parallel !== undefined || this.#shared.chosen, !isCloud)
  }

  #last(limit: keyof Limits, names: readonly string[]): Setting | undefined {
    let last: Setting | undefined
    for (const name of names) {
      const setting = this.#own.get(name)?.[limit]
      if (setting && setting.order > (last?.order ?? 0)) last = setting
    }
    return last
  }
}
