import { url as urlOption } from '../../config/values.ts'
import { EXIT_CONFIG, EXIT_USAGE } from '../exit-codes.ts'
import { readConfig } from '../read-config.ts'

export const urlFlag = {
  type: 'string',
  valueHint: 'url',
  description: 'Address of the proxy (default: from PROXY_HOST and PROXY_PORT, or from config.yaml).',
} as const

/** The address of the proxy. When the address is unknown, an exit code; the reason is then on stderr. */
export function proxyAddress(given: string | undefined): string | number {
  if (given !== undefined) {
    const problem = urlProblem(given)
    if (problem === undefined) return urlOption().parse(given)
    process.stderr.write(`flag --url: ${problem}\n`)
    return EXIT_USAGE
  }
  const loaded = readConfig({})
  if (!loaded) {
    // Often the file of `setup` is the reason: only its owner may read the file, because of the admin token in it.
    process.stderr.write('instead of the configuration, you can name the address with --url\n')
    return EXIT_CONFIG
  }
  const { proxy_host, proxy_port } = loaded.config
  if (proxy_port === 0) {
    process.stderr.write(
      'proxy_port is 0, so the proxy listens on any free port: name its address with --url\n',
    )
    return EXIT_USAGE
  }
  return `http://${reachableHost(proxy_host)}:${proxy_port}`
}

/** The problem of a wrong address; undefined for a valid address. */
export function urlProblem(given: string): string | undefined {
  return urlOption().safeParse(given).error?.issues[0]?.message
}

/** The host part of a URL that reaches, from the same machine, a proxy that listens on `host`. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (/^[0:]+$/.test(host)) return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
