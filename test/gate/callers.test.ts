import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Hono } from 'hono'
import { SignJWT } from 'jose'
import { Budgets } from '../../src/callers/budgets.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Callers } from '../../src/gate/callers.ts'
import { HttpProblem } from '../../src/http/problem.ts'
import { processCrypto } from '../../src/runtimes/process/crypto.ts'
import { hashed } from '../callers/support/builders.ts'
import { ManualClock } from '../support/manual-clock.ts'

const JWT_SECRET = 'a secret for tests, shared with Open WebUI'
const EYES = `eyes: { hash: "sha256:${hashed('sk-eyes')}", may: [view], users: open-webui }`
const BOB = `bob: { hash: "sha256:${hashed('sk-bob')}" }`
const SECRET = `open_webui_jwt_secret: ${JWT_SECRET}\n`
const BOTH = `${SECRET}keys:\n  ${EYES}\n  ${BOB}\n`
const BOB_ALONE = `${SECRET}keys:\n  ${BOB}\n`

function configOf(text: string) {
  const env = { CONFIG_FILE: 'x' }
  return loadConfig({ flags: {}, env, readFile: () => text, ownAddresses: [] }).config
}

function house() {
  const clock = new ManualClock()
  const config = configOf(BOTH)
  const callers = new Callers({
    clock,
    crypto: processCrypto,
    log: { warn() {} },
    config: () => config,
    hostname: 'workshop',
    peer: () => ({ address: '192.0.2.7', port: 8080, httpVersion: '1.1' }),
    isAdmin: () => false,
    usage: { budgets: new Budgets(), add() {} },
  })
  return { callers, clock }
}

describe('a configuration that was read again', () => {
  it('asks those again who follow the queue, where others may view', () => {
    for (const text of [
      BOB_ALONE,
      `${BOTH}auth: observe\n`,
      `${BOTH}trusted_proxies: [10.0.0.7]\n`,
      BOTH.replace('may: [view], ', ''),
      BOTH.replace(JWT_SECRET, `${JWT_SECRET}, and another one`),
    ]) {
      const { callers } = house()
      const { viewings } = callers.access
      callers.reconfigure(configOf(text))
      assert.notEqual(callers.access.viewings, viewings, text)
    }
  })

  it('leaves them alone where the same may view', () => {
    const { callers } = house()
    const { viewings } = callers.access
    callers.reconfigure(configOf(`${BOTH}log_level: warn\nollama_num_parallel: 7\nmanage: open\n`))
    callers.reconfigure(configOf(BOTH))
    assert.equal(callers.access.viewings, viewings)
  })

  it('lets nobody view by a key that went while the token of the user was checked', async () => {
    const { callers, clock } = house()
    const token = await new SignJWT({ iss: 'open-webui', exp: clock.wallTime() / 1_000 + 300, sub: 'u-1' })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(JWT_SECRET))
    const app = new Hono()
      .use(callers.access.view)
      .get('/queue/stats', (c) => c.body(null))
      .onError((error) => new Response(null, { status: error instanceof HttpProblem ? 401 : 500 }))
    const view = () =>
      app.request('/queue/stats', {
        headers: { authorization: 'Bearer sk-eyes', 'x-openwebui-user-jwt': token },
      })
    assert.equal((await view()).status, 200)
    const asked = view()
    callers.reconfigure(configOf(BOB_ALONE))
    assert.equal((await asked).status, 401)
  })
})
