import type { Limits } from '../admission/contract.ts'
import type { LocalAdmission } from '../admission/local-admission.ts'
import type { Config } from '../config/schema.ts'
import { modelKeyOf } from './runners.ts'

type Models = Config['models']

/** The configuration's models by lane key. Two spellings of one name are one model; the later one counts. */
export function limitsByKey(models: Models): Map<string, Partial<Limits>> {
  const byKey = new Map<string, Partial<Limits>>()
  for (const [name, { parallel_limit, queue_limit }] of Object.entries(models)) {
    const key = modelKeyOf(name) ?? name
    byKey.set(key, {
      ...(parallel_limit !== undefined && { parallel: parallel_limit }),
      ...(queue_limit !== undefined && { queue: queue_limit }),
    })
  }
  return byKey
}

export interface LimitsChange {
  readonly before: Models
  readonly after: Models
  /** The default limits that changed. */
  readonly defaults: Partial<Limits>
  /** The changed number of slots is where `auto` begins. */
  readonly auto: boolean
}

/**
 * Applies the limits that differ between the two configurations. A limit without a difference stays as it is, because
 * an operator may have set another value in the meantime.
 */
export function applyLimits(
  admission: Pick<LocalAdmission, 'configure' | 'clearOverrides'>,
  { before, after, defaults, auto }: LimitsChange,
): void {
  const [old, own] = [limitsByKey(before), limitsByKey(after)]
  // In this order no limit passes through a third value, which could let calls in.
  for (const [model, limits] of own) {
    const set = differing(old.get(model), limits)
    if (LIMITS.some((limit) => limit in set)) admission.configure(model, set)
  }
  if (LIMITS.some((limit) => limit in defaults)) admission.configure('*', defaults, auto)
  for (const [model, limits] of old) {
    const kept = own.get(model)
    const gone = LIMITS.filter((limit) => limit in limits && !(kept && limit in kept))
    if (gone.length > 0 || !kept) admission.clearOverrides(model, gone)
  }
}

const LIMITS = ['parallel', 'queue'] as const

function differing(before: Partial<Limits> = {}, after: Partial<Limits>): Partial<Limits> {
  const { parallel, queue } = after
  return {
    ...(parallel !== undefined && parallel !== before.parallel && { parallel }),
    ...(queue !== undefined && queue !== before.queue && { queue }),
  }
}
