import { usualMaxClass } from '../../callers/call-class.ts'
import { type Key, NO_LIMITS, type Use } from '../../callers/caller.ts'
import type { Config } from '../../config/schema.ts'

// The gate has the same rules, in its caller-settings.ts. A test compares the two.

const DEFAULT_USES: readonly Use[] = ['infer']

/** Whether callers need a key. */
export function authInForce({
  auth,
  keys,
  keys_file,
}: Pick<Config, 'auth' | 'keys' | 'keys_file'>): 'off' | 'observe' | 'enforce' {
  return auth ?? (Object.keys(keys).length > 0 || keys_file !== undefined ? 'enforce' : 'off')
}

/** The keys of a configuration. */
export function configuredKeys({ keys }: Pick<Config, 'keys'>): Key[] {
  return Object.entries(keys).map(([name, key]) => ({
    name,
    hash: key.hash?.slice('sha256:'.length).toLowerCase(),
    ed25519: key.ed25519,
    address: key.address ?? [],
    models: key.models,
    may: new Set(key.may ?? DEFAULT_USES),
    class: key.class ?? 'normal',
    maxClass: key.max_class ?? usualMaxClass(key.class ?? 'normal'),
    limits: {
      parallel: key.parallel ?? NO_LIMITS.parallel,
      queue: key.queue ?? NO_LIMITS.queue,
      ...(key.weight !== undefined && { weight: key.weight }),
    },
    slotSeconds: key.slot_seconds ?? {},
    tokens: key.tokens ?? {},
    users: key.users,
    notify: key.notify === true,
  }))
}
