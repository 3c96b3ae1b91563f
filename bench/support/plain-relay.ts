/**
 * The baseline: what one writes in an hour. Hono, its Node server, the global fetch; it reads the body and finds the
 * model, as the proxy must, and has no line, no limit and no deadline. Run as a process of its own; prints its URL.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const [upstream = ''] = process.argv.slice(2)
const calls = new Map<string, number>()
const app = new Hono()

app.post('*', async (c) => {
  const { pathname, search } = new URL(c.req.url)
  const body = await c.req.text()
  const { model }: { model: string } = JSON.parse(body)
  calls.set(model, (calls.get(model) ?? 0) + 1)
  const headers = { 'content-type': c.req.header('content-type') ?? 'application/json' }
  const init = { method: 'POST', headers, body, signal: c.req.raw.signal }
  const answer = await fetch(`${upstream}${pathname}${search}`, init)
  return new Response(answer.body, { status: answer.status, headers: answer.headers })
})

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.stdout.write(`http://127.0.0.1:${port}\n`)
})
