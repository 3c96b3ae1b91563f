import { existsSync } from 'node:fs'
import { devNull } from 'node:os'
import { until } from '../../test/support/until.ts'
import { LOAD_CORE, PROXY_CORE, pin, start } from './child.ts'
import { descendant } from './cpu.ts'
import { LISTENS, type ProxyOptions, pageOf, type StartedProxy, serveArguments } from './proxy.ts'

const WORKERD_PROXY = new URL('../../test/conformance/runtimes/workerd-proxy.ts', import.meta.url).pathname

/**
 * Our Worker in local workerd, from the sources: bundled as wrangler would, and behind miniflare's own small Worker
 * that stands for Cloudflare's edge. Its log goes to the console, as it does there. The pid is that of workerd, which
 * has the proxy's core for itself: the Node processes above it, which started it and copy its log, stay with the load.
 */
export async function startWorkerd(options: ProxyOptions): Promise<StartedProxy> {
  const program = [process.execPath, '--import', import.meta.resolve('tsx'), WORKERD_PROXY]
  const child = await start([...program, ...serveArguments(options)], {
    core: LOAD_CORE,
    env: { CONFIG_FILE: devNull },
    ready: LISTENS,
  })
  const pid = descendant(child.pid, 'workerd')
  pin(pid, PROXY_CORE)
  return {
    ...child,
    pid,
    url: child.said,
    page: (path) => pageOf(child.said, path),
    async stop() {
      await child.stop()
      // It ends once the process above it has noticed: the next measurement must have the core for itself.
      await until('workerd ends', () => !existsSync(`/proc/${pid}`))
    },
  }
}
