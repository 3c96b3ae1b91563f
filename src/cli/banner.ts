import type { LoadedConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { UpstreamStatus } from '../upstream/health.ts'

/** What the start says to a person: where to point clients, what is guarded, what to do when nothing answers. */
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
    // Another program answers calls in its own way.
    const meanwhile = error?.code === 'NOT_OLLAMA' ? '' : ' and answers calls with 502 until one does'
    lines.push(`No Ollama answers at ${config.ollama_url}. The proxy stays up${meanwhile}.`)
  }
  if (error !== null) lines.push(`${error.message} (${error.code}): ${error.advice}.`)
  if (error?.code === 'ECONNREFUSED') lines.push('To look around without Ollama: --demo')
  lines.push(`Administration: ${whoAdministers(config)}`)
  if (config.enable_queue_stats) lines.push(`Its queue, live: ${url}/dashboard`)
  return `${lines.join('\n')}\n`
}

/** Who may pause, cancel and change limits. A program that forwards requests as they are cannot be told from a client. */
export function whoAdministers({ admin_token }: Pick<Config, 'admin_token'>): string {
  if (admin_token !== undefined) return 'whoever has the admin token'
  return (
    'anybody on this machine, and whatever forwards to this proxy without a trace; set admin_token ' +
    '(ADMIN_TOKEN) to a long random text, such as `openssl rand -hex 32` prints'
  )
}

/** What `--demo` adds: three commands that work as they stand in sh, cmd and PowerShell 7. */
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
