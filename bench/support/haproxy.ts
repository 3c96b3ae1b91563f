import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type Child, PROXY_CORE, start } from './child.ts'
import { OUT } from './findings.ts'

const PROGRAM = '/usr/sbin/haproxy'

/** HAProxy on the proxy's core, with a limit of `parallel` calls at the upstream and a line of 512. */
export async function startHaproxy(upstream: string, parallel: number): Promise<Child & { url: string }> {
  const port = await freePort()
  const template = readFileSync(new URL('haproxy.cfg', import.meta.url), 'utf8')
  const filled: Record<string, string> = {
    '@PORT@': String(port),
    '@UPSTREAM@': new URL(upstream).host,
    '@PARALLEL@': String(parallel),
  }
  mkdirSync(OUT, { recursive: true })
  const file = new URL('haproxy.cfg', OUT)
  writeFileSync(
    file,
    template.replaceAll(/@[A-Z]+@/g, (name) => filled[name] ?? name),
  )
  // -V says when it listens; -db keeps it in the foreground.
  const child = await start([PROGRAM, '-V', '-db', '-f', file.pathname], {
    core: PROXY_CORE,
    ready: /Available polling/,
  })
  await untilListening(port)
  return { ...child, url: `http://127.0.0.1:${port}` }
}

/** It cannot tell which port it was given, so it gets one that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/api/version`)
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  throw new Error(`HAProxy does not answer on port ${port}`)
}
