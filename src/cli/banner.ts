import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { UpstreamStatus } from '../upstream/health.ts'
import { closedToOthers, whoManages, whoMayCall } from './access-lines.ts'

/** What the start prints for a person: the address for clients, the Ollama behind it, and advice when Ollama is down. */
export function banner(
  { config }: LoadedConfig,
  { version, runtime, url }: { readonly version: string; readonly runtime: string; readonly url: string },
  upstream: Pick<UpstreamStatus, 'reachable' | 'version' | 'error'>,
): string {
  const lines = [`ollama-guard-proxy ${version} (${runtime}) listens on ${url}`]
  const { error, reachable, version: ollama } = upstream
  if (reachable) {
    lines.push(`It guards Ollama${ollama === null ? '' : ` ${ollama}`} at ${config.ollama_url}`)
  } else {
    // With another program at that address, calls get the answers of that program.
    const meanwhile = error?.code === 'NOT_OLLAMA' ? '' : ' and answers calls with 502 until one does'
    lines.push(`No Ollama answers at ${config.ollama_url}. The proxy stays up${meanwhile}.`)
  }
  if (error !== null) lines.push(`${error.message} (${error.code}): ${error.advice}.`)
  if (error?.code === 'ECONNREFUSED') lines.push('To try the proxy without Ollama: --demo')
  lines.push(`Callers: ${whoMayCall(config)}`, `Pull, create, delete: ${whoManages(config)}`)
  const closed = closedToOthers(config)
  if (closed !== undefined) lines.push(closed)
  lines.push(`Administration: ${whoAdministers(config)}`)
  if (config.enable_queue_stats) lines.push(`Dashboard: ${url}/dashboard`)
  return `${lines.join('\n')}\n`
}

/** Who may pause, cancel and change limits. Requests that a program forwards unchanged look like requests from this machine. */
export function whoAdministers({ admin_token }: Pick<Config, 'admin_token'>): string {
  if (admin_token !== undefined) return 'everybody who has the admin token'
  return (
    'everybody on this machine, and every client of a program that forwards requests without a header such as ' +
    'X-Forwarded-For; set admin_token (ADMIN_TOKEN) to a long random text: `openssl rand -hex 32` prints one'
  )
}

/** What `--demo` adds to the banner. The commands work unchanged in sh, cmd and PowerShell 7. */
export function demoBanner(
  url: string,
  demo: { readonly model: string; readonly description: string },
): string {
  const messages = [{ role: 'user', content: 'Hello' }]
  const body = JSON.stringify({ model: demo.model, messages }).replaceAll('"', '\\"')
  return [
    '',
    demo.description,
    'Try:',
    `  curl -N ${url}/api/chat -d "${body}"`,
    `  curl ${url}/queue/stats`,
    `  curl ${url}/health`,
    '',
  ].join('\n')
}
