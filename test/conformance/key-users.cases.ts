import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type JWTPayload, SignJWT } from 'jose'
import { until } from '../support/until.ts'
import { bearer, keyRing } from './key-ring.ts'
import { Pair, type Target, type Variables } from './pair.ts'

const SECRET = 'the-secret-of-Open-WebUI-32-bytes'
const SOON = '1h'

interface SignChanges {
  readonly secret?: string
  readonly claims?: JWTPayload
  readonly expires?: string
  readonly algorithm?: string
}

type Headers = Readonly<Record<string, string>>

/** Caller and user, or the status of a refused call, and the headers of the call. */
type Case = readonly [expected: string | number, headers: Headers]

/** X-OpenWebUI-User-Jwt, as Open WebUI signs it. */
function signed({ secret = SECRET, claims = {}, expires = SOON, algorithm = 'HS256' }: SignChanges = {}) {
  return new SignJWT({ sub: 'ann-7', iss: 'open-webui', email: 'ann@example.com', ...claims })
    .setProtectedHeader({ alg: algorithm })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret))
}

/** Who used the proxy is read from the usage file, so from outside nobody sees the users of a Worker. */
export function keyUsers(target: Target): void {
  if (target.gaps?.monitor) return
  describe('the people behind a key', () => {
    async function withProxy(variables: Variables, cases: readonly Case[]): Promise<void> {
      const folder = await mkdtemp(join(tmpdir(), 'guard-usage-'))
      const pair = await Pair.start(target, {
        simulate: ['--load-time', '0', '--token-rate', '1000', '--prompt-rate', '100000'],
        serve: ['--parallel', '4'],
        variables: {
          ...keyRing({ webui: { users: 'open-webui' }, alice: {} }),
          USAGE_DIR: folder,
          ...variables,
        },
      })
      let calls = 0
      /** Calls, and tells the caller and its user as the usage file has them; the status of a refused call. */
      const userOf = async (headers: Headers) => {
        const id = `call-${++calls}`
        const answer = await fetch(`${pair.proxy.url}/api/generate`, {
          method: 'POST',
          headers: { ...headers, 'x-request-id': id },
          body: '{"model":"llama3.2","prompt":"x","stream":false,"options":{"num_predict":1}}',
        })
        await answer.text()
        if (answer.status !== 200) return answer.status
        let line: { caller: string; user: string | null } | undefined
        await until('the line is written', async () => {
          const [name = ''] = await readdir(folder)
          const text = name === '' ? '' : await readFile(join(folder, name), 'utf8')
          const found = text.split('\n').find((each) => each.includes(`"id":"${id}",`))
          if (found !== undefined) line = JSON.parse(found)
          return line !== undefined
        })
        return `${line?.caller}/${line?.user}`
      }
      try {
        const found = await Promise.all(cases.map(([, headers]) => userOf(headers)))
        assert.deepEqual(
          found,
          cases.map(([expected]) => expected),
        )
      } finally {
        await pair.stop()
        await rm(folder, { recursive: true })
      }
    }

    it('are told by X-OpenWebUI-User-Id, by the key that may tell them and by no other', async () => {
      const ann = { 'x-openwebui-user-id': 'ann-7' }
      await withProxy({}, [
        ['webui/ann-7', { ...bearer('webui'), ...ann }],
        ['webui/null', bearer('webui')],
        ['alice/null', { ...bearer('alice'), ...ann }],
        [401, { ...bearer('webui'), 'x-openwebui-user-id': 'x'.repeat(129) }],
        ['webui/ann-7', { ...bearer('webui'), 'x-openwebui-user-jwt': 'bad', ...ann }],
      ])
    })

    it('are told by a signed token alone where its secret is known', async () => {
      const token = async (changes?: SignChanges) => ({ 'x-openwebui-user-jwt': await signed(changes) })
      const ann = { 'x-openwebui-user-id': 'ann-7' }
      const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await signed()).split('.')[1]}.`
      const wrong: readonly Headers[] = [
        { 'x-openwebui-user-jwt': 'bad' },
        { 'x-openwebui-user-jwt': none },
        await token({ secret: 'another-secret-also-of-32-bytes!' }),
        await token({ algorithm: 'HS512', secret: SECRET.repeat(2) }),
        await token({ claims: { iss: 'somebody' } }),
        await token({ expires: '-1 minute' }),
        await token({ claims: { sub: '', email: '' } }),
      ]
      await withProxy({ OPEN_WEBUI_JWT_SECRET: SECRET }, [
        ['webui/ann-7', { ...bearer('webui'), ...(await token()) }],
        ['webui/bob', { ...bearer('webui'), ...(await token({ claims: { sub: 'bob' } })), ...ann }],
        ['webui/ann@example.com', { ...bearer('webui'), ...(await token({ claims: { sub: '' } })) }],
        // Anybody can write this header.
        ['webui/null', { ...bearer('webui'), ...ann }],
        ['alice/null', { ...bearer('alice'), ...(await token()) }],
        ...wrong.map((headers): Case => [401, { ...bearer('webui'), ...headers, ...ann }]),
        ...wrong.map((headers): Case => ['alice/null', { ...bearer('alice'), ...headers }]),
      ])
    })
  })
}
