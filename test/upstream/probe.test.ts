import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readProbe } from '../../src/upstream/probe.ts'

const told = (
  status: number,
  { location, authorized = false }: { location?: string; authorized?: boolean } = {},
) => {
  const { problem, otherProgram } = readProbe({ status, location, body: '' }, authorized)
  assert.equal(otherProgram, false)
  assert.equal(problem?.code, `HTTP_${status}`)
  return `${problem.message}; ${problem.advice}`
}

it('reads the version of an Ollama', () => {
  assert.deepEqual(readProbe({ status: 200, body: '{"version":"0.33.0","more":1}' }, false), {
    version: '0.33.0',
    otherProgram: false,
  })
})

it('knows another program by an answer without a version', () => {
  for (const body of [
    '<html>hi</html>',
    '',
    '{}',
    '[]',
    'null',
    '"0.33.0"',
    '{"version":1}',
    '{"version":"0.3',
  ]) {
    const { version, otherProgram, problem } = readProbe({ status: 200, body }, false)
    assert.deepEqual([version, otherProgram, problem?.code], [null, true, 'NOT_OLLAMA'], body)
  }
})

it('says what a refused probe needs', () => {
  assert.equal(
    told(401),
    'Ollama answers the version probe with 401: it requires an Authorization; set ollama_authorization',
  )
  assert.match(told(403), /403: it refuses the proxy; .*ollama_authorization/)
  for (const status of [401, 403])
    assert.match(
      told(status, { authorized: true }),
      /does not accept ollama_authorization; check that value$/,
    )
  assert.match(told(404), /404; check the path in ollama_url$/)
  assert.match(told(502), /502; look into the log/)
})

it('names where a redirect leads, without a query and without credentials', () => {
  const to = (location: string) => told(301, { location })
  assert.match(
    to('https://ollama.example/api/version'),
    /301: it redirects to https:\/\/ollama\.example; set ollama_url to that address$/,
  )
  assert.match(to('https://ollama.example/prefix/api/version'), /to https:\/\/ollama\.example\/prefix;/)
  const secret = to('https://me:hunter2@ollama.example/api/version?token=hunter2#hunter2')
  assert.match(secret, /to https:\/\/ollama\.example;/)
  for (const odd of ['https://login.example/start?token=hunter2', '/elsewhere', 'javascript:alert(1)', ''])
    assert.match(to(odd), /301: it redirects to another page; /, odd)
  assert.match(told(308), /308: it redirects to another page; /)
})
