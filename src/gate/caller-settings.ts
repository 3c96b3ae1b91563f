import { usualMaxClass } from '../callers/call-class.ts'
import { type CallerLimits, type Key, NO_LIMITS, type Use } from '../callers/caller.ts'
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
    const { class: own = 'normal', max_class = usualMaxClass(own) } = key
    return {
      name,
      hash: key.hash?.slice('sha256:'.length).toLowerCase(),
      ed25519: key.ed25519,
      address: key.address ?? [],
      models: key.models,
      may: key.may === undefined ? DEFAULT_USES : new Set(key.may),
      class: own,
      maxClass: max_class,
      limits: limitsOf(key),
      slotSeconds: key.slot_seconds ?? {},
      tokens: key.tokens ?? {},
      users: key.users,
      notify: key.notify === true,
    }
  })
}

/** One object for all callers without limits and weight: admission compares it. */
function limitsOf({ parallel, queue, weight }: Config['keys'][string]): CallerLimits {
  if (parallel === undefined && queue === undefined && weight === undefined) return NO_LIMITS
  return {
    parallel: parallel ?? NO_LIMITS.parallel,
    queue: queue ?? NO_LIMITS.queue,
    ...(weight !== undefined && { weight }),
  }
}
