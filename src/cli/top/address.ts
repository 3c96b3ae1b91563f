import { url as urlOption } from '../../config/values.ts'
import { EXIT_CONFIG, EXIT_USAGE } from '../exit-codes.ts'
import { readConfig } from '../read-config.ts'

export const urlFlag = {
  type: 'string',
  valueHint: 'url',
  description: 'Address of the proxy (default: from PROXY_HOST and PROXY_PORT, or from config.yaml).',
} as const

/** The address of the proxy to ask, or the exit code when none can be told; stderr says why then. */
export function proxyAddress(given: string | undefined): string | number {
  if (given !== undefined) {
    const problem = urlProblem(given)
    if (problem === undefined) return urlOption().parse(given)
    process.stderr.write(`flag --url: ${problem}\n`)
    return EXIT_USAGE
  }
  const loaded = readConfig({})
  if (!loaded) {
    // Often a file that `setup` wrote for another user: it holds the admin token, which is of no use here.
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

/** What is wrong with an address; undefined when nothing is. */
export function urlProblem(given: string): string | undefined {
  return urlOption().safeParse(given).error?.issues[0]?.message
}

/** Where a proxy that listens on `host` is reached from its own machine, as it stands in a URL. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (/^[0:]+$/.test(host)) return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
