import { type Key, NO_LIMITS, type Use } from '../callers/caller.ts'
import type { IdentitySettings } from '../callers/identity.ts'
import type { Config } from '../config/schema.ts'
import type { AccessSettings } from '../http/access.ts'

/** What a key may do that does not say. */
const DEFAULT_USES: ReadonlySet<Use> = new Set(['infer'])

/** Whether callers need a key. A file for keys counts as keys: the last key that is revoked must not let everybody in. */
export function authOf({ auth, keys, keys_file }: Config): AccessSettings['auth'] {
  if (auth !== undefined) return auth
  return Object.keys(keys).length > 0 || keys_file !== undefined ? 'enforce' : 'off'
}

/** The settings of the guard over all requests. */
export function accessSettings(config: Config): AccessSettings {
  return { auth: authOf(config), manage: config.manage, forward_identity: config.forward_identity }
}

/**
 * A text that differs where two configurations may let different clients view our pages. A budget in a key makes the text
 * differ, too.
 */
export function viewersOf(config: Config): string {
  const { keys, open_webui_jwt_secret, trusted_proxies } = config
  return JSON.stringify([authOf(config), keys, trusted_proxies, open_webui_jwt_secret])
}

/** How callers are known. */
export function identitySettings(config: Config): IdentitySettings {
  const auth = authOf(config)
  return {
    keys: auth === 'off' ? [] : keysOf(config),
    trustedProxies: config.trusted_proxies,
    openWebuiSecret: config.open_webui_jwt_secret,
    keysOnly: auth !== 'off',
  }
}

/** The keys of a configuration. */
export function keysOf({ keys }: Config): Key[] {
  return Object.entries(keys).map(([name, key]) => {
    const { parallel = NO_LIMITS.parallel, queue = NO_LIMITS.queue } = key
    return {
      name,
      hash: key.hash?.slice('sha256:'.length).toLowerCase(),
      ed25519: key.ed25519,
      address: key.address ?? [],
      models: key.models,
      may: key.may === undefined ? DEFAULT_USES : new Set(key.may),
      class: key.class ?? 'normal',
      maxClass: 'normal',
      // One object for all callers without limits: admission compares it.
      limits: key.parallel === undefined && key.queue === undefined ? NO_LIMITS : { parallel, queue },
      slotSeconds: key.slot_seconds ?? {},
      tokens: key.tokens ?? {},
      users: key.users,
    }
  })
}
