import type { LoadedConfig } from '../config/load.ts'

/** What the start says to a person: where to point clients, what is guarded, what to do when nothing answers. */
export function banner(
  { config }: LoadedConfig,
  { version, runtime, url }: { readonly version: string; readonly runtime: string; readonly url: string },
  upstream: { readonly reachable: boolean; readonly version: string | null },
): string {
  const lines = [`ollama-guard-proxy ${version} (${runtime}) listens on ${url}`]
  if (upstream.reachable) {
    lines.push(
      `It guards Ollama${upstream.version === null ? '' : ` ${upstream.version}`} at ${config.ollama_url}`,
    )
  } else {
    lines.push(
      `No Ollama answers at ${config.ollama_url}. Until one does, calls are answered with 502; the proxy stays up.`,
      'Start Ollama (`ollama serve`), or name another address: ollama_url in config.yaml, OLLAMA_URL or --upstream.',
      'To look around without Ollama: --demo',
    )
  }
  if (config.enable_queue_stats) lines.push(`Its queue, live: ${url}/dashboard`)
  return `${lines.join('\n')}\n`
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
