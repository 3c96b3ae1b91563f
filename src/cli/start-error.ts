import type { Config } from '../config/schema.ts'

/** One line about a failed start: the address, the reason, and the key to change. */
export function whyNotListening(error: unknown, config: Pick<Config, 'proxy_host' | 'proxy_port'>): string {
  const { proxy_host: host, proxy_port: port } = config
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const changePort = 'change proxy_port (PROXY_PORT, --port)'
  const changeHost = 'change proxy_host (PROXY_HOST, --host)'
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `another program listens there; stop it or ${changePort}`,
    EACCES: `permission denied; ports below 1024 often need privileges; ${changePort}`,
    EADDRNOTAVAIL: `this machine has no such address; ${changeHost}`,
    ENOTFOUND: `no such host name; ${changeHost}`,
    EAI_AGAIN: `the host name cannot be looked up; ${changeHost}`,
  }
  const isListening =
    error instanceof Error && 'syscall' in error && /^(listen|bind|getaddrinfo)$/.test(String(error.syscall))
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = reasons[code]
  // Bun's error names no syscall. These two codes come from listening alone.
  if (reason && (isListening || code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL')) {
    return `cannot listen on ${address}: ${reason}`
  }
  return `cannot start: ${error instanceof Error ? error.message : String(error)}`
}
