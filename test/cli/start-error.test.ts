import assert from 'node:assert/strict'
import { it } from 'node:test'
import { whyNotListening } from '../../src/cli/start-error.ts'

const failed = (code: string, syscall = 'listen') =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall })
const why = (error: unknown, proxy_host = '127.0.0.1') =>
  whyNotListening(error, { proxy_host, proxy_port: 80 })

it('names the address, the reason and the key to change', () => {
  assert.match(
    why(failed('EADDRINUSE')),
    /^cannot listen on 127\.0\.0\.1:80: another program .*proxy_port \(PROXY_PORT, --port\)$/,
  )
  assert.match(why(failed('EACCES')), /permission denied; .*proxy_port/)
  assert.match(why(failed('EADDRNOTAVAIL')), /no such address; change proxy_host \(PROXY_HOST, --host\)$/)
  assert.match(
    why(failed('ENOTFOUND', 'getaddrinfo'), 'nowhere'),
    /^cannot listen on nowhere:80: no such host name; .*proxy_host/,
  )
  assert.match(why(failed('EADDRINUSE'), '::1'), /^cannot listen on \[::1\]:80: /)
})

it('does not blame the address for what is not about it', () => {
  assert.equal(why(failed('EACCES', 'open')), 'cannot start: open EACCES')
  assert.equal(why(new Error('log_file x cannot be written')), 'cannot start: log_file x cannot be written')
  assert.equal(why('odd'), 'cannot start: odd')
})
