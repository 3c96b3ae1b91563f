import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { until } from '../../test/support/until.ts'
import { STREAM_LINES, WHOLE_ANSWER } from './answers.ts'
import { LOAD_CORE, PROXY_CORE, type Server, start } from './child.ts'
import { OUT } from './findings.ts'
import { HAPROXY } from './machine.ts'

type Gaps = Readonly<Record<string, string>>

/** HAProxy as a rival: on the proxy's core, with a limit of `parallel` calls at the upstream and a line of 512. */
export function startHaproxy(upstream: Server, parallel: number): Promise<Server> {
  const gaps = { '@UPSTREAM@': new URL(upstream.url).host, '@PARALLEL@': String(parallel) }
  return haproxyWith('haproxy.cfg', gaps, PROXY_CORE)
}

/**
 * The quickest upstream that Debian has a package for: HAProxy, which answers from memory on the load's core. It took
 * 6.4 µs of CPU an answer, where nginx took 9.1; both took 7 µs a chunk.
 */
export function startFastUpstream(): Promise<Server> {
  // What JSON calls a string, Lua does, too.
  configured('fast-upstream.lua', { '@LINES@': STREAM_LINES.map((line) => JSON.stringify(line)).join() })
  const gaps = { '@FOLDER@': OUT.pathname, '@WHOLE@': WHOLE_ANSWER }
  return haproxyWith('fast-upstream.cfg', gaps, LOAD_CORE)
}

async function haproxyWith(name: string, gaps: Gaps, core: number): Promise<Server> {
  const port = await freePort()
  const file = configured(name, { ...gaps, '@PORT@': String(port) })
  // -V makes HAProxy tell of its start; -db keeps it in the foreground.
  const child = await start([HAPROXY, '-V', '-db', '-f', file], { core, ready: /Available polling/ })
  const url = `http://127.0.0.1:${port}`
  await until(`${name} answers`, async () => {
    const answer = await fetch(`${url}/api/version`).catch(() => undefined)
    return answer?.ok ?? false
  })
  return { ...child, url }
}

/** Writes a file of this folder with its gaps filled, and gives back where. */
function configured(name: string, gaps: Gaps): string {
  const template = readFileSync(new URL(name, import.meta.url), 'utf8')
  mkdirSync(OUT, { recursive: true })
  const file = new URL(name, OUT)
  writeFileSync(
    file,
    template.replaceAll(/@[A-Z]+@/g, (gap) => gaps[gap] ?? gap),
  )
  return file.pathname
}

/** A port that was free a moment ago: HAProxy cannot tell which port it was given. */
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
