import { type Caller, type CallerLimits, type Key, NO_LIMITS, type Use } from '../../callers/caller.ts'

/** The caller as an isolate describes it, without any credential. JSON keeps it whole: a limit of Infinity is absent. */
export interface CallerFacts {
  readonly id: string
  readonly limits?: Partial<CallerLimits>
  /** Absent for a caller without a key. */
  readonly key?: Pick<Key, 'name' | 'class' | 'slotSeconds' | 'tokens'> & Partial<Pick<Key, 'users'>>
}

/** The isolate has checked already what the caller may do, and with which models. */
const CHECKED_USES: ReadonlySet<Use> = new Set(['infer'])

export function factsOf({ id, key, limits: { parallel, queue, weight } }: Caller): CallerFacts {
  const limits = {
    ...(Number.isFinite(parallel) && { parallel }),
    ...(Number.isFinite(queue) && { queue }),
    ...(weight !== undefined && { weight }),
  }
  if (key === undefined) return { id, ...(Object.keys(limits).length > 0 && { limits }) }
  const { name, class: usual, slotSeconds, tokens, users } = key
  return {
    id,
    ...(Object.keys(limits).length > 0 && { limits }),
    key: { name, class: usual, slotSeconds, tokens, ...(users !== undefined && { users }) },
  }
}

/** Equal facts make equal callers, but not one object: admission goes by the id. */
export function callerFrom({ id, key, limits: some }: CallerFacts): Caller {
  const limits = some === undefined ? NO_LIMITS : { ...NO_LIMITS, ...some }
  if (key === undefined) return { id, key, limits }
  const checked = {
    address: [],
    models: undefined,
    may: CHECKED_USES,
    maxClass: 'interactive',
    notify: false,
  } as const
  return { id, key: { users: undefined, ...key, ...checked, limits }, limits }
}
