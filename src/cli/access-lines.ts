import { isLoopbackHost } from '../config/addresses.ts'
import type { Config } from '../config/schema.ts'
import { authInForce, configuredKeys } from './key/configured.ts'

/** Who may call, by `auth` and the number of keys. */
export function whoMayCall(config: Config): string {
  const auth = authInForce(config)
  const count = Object.keys(config.keys).length
  const keys = count === 1 ? '1 key' : `${count} keys`
  if (auth === 'off') return 'everybody who reaches the proxy (auth is off)'
  if (auth === 'observe') return `everybody; the figures show who would be refused (auth is observe, ${keys})`
  if (count === 0)
    return 'nobody yet: auth is enforce, and there is no key; "ollama-guard-proxy key add NAME" makes one'
  return `everybody with a key (auth is enforce, ${keys})`
}

/** Who may pull, create and delete models, by `manage`. */
export function whoManages(config: Config): string {
  const count = configuredKeys(config).filter(({ may }) => may.has('manage')).length
  const usable = authInForce(config) === 'off' ? 0 : count
  const keys = usable === 1 ? '1 key' : `${usable} keys`
  if (config.manage === 'open') return 'everybody who may call (manage is open)'
  if (config.manage === 'keys')
    return usable === 0 ? 'nobody (manage is keys, and no key may manage)' : `${keys} (manage is keys)`
  return `clients on this machine${usable === 0 ? '' : ` and ${keys}`} (manage is local)`
}

/** What is closed to other machines, and how to open it. Undefined where other machines cannot reach the proxy. */
export function closedToOthers(config: Config): string | undefined {
  if (config.manage !== 'local' || !listensWide(config)) return undefined
  return (
    'From other machines, pull, create and delete are closed. Give a key "may: [infer, manage]", ' +
    'or set manage (MANAGE) to open.'
  )
}

/** The warning of a proxy in a network that needs no key. */
export function openToNetwork(config: Config): string | undefined {
  if (authInForce(config) !== 'off' || !listensWide(config)) return undefined
  return (
    `everybody who reaches this machine (proxy_host is ${config.proxy_host}) can use the models; ` +
    '"ollama-guard-proxy key add NAME" makes a key for each caller'
  )
}

function listensWide({ proxy_host }: Config): boolean {
  return !isLoopbackHost(proxy_host.toLowerCase())
}
