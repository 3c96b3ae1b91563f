import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isLoopback, type Peer, whyNotLocal } from '../../src/http/peer.ts'

const HOST = 'localhost:8080'

/** Why a request of somebody at this machine is not taken for one, with these differences. */
function why(headers: Record<string, string> = {}, peer: Partial<Peer> = {}): string | undefined {
  const local = { address: '127.0.0.1', port: 8080, httpVersion: '1.1', ...peer }
  return whyNotLocal(local, { host: HOST, ...headers }, 'workshop')
}

describe('a request from this machine', () => {
  it('is what the usual clients send', () => {
    const curl = { accept: '*/*', 'user-agent': 'curl/7.88.1' }
    const fetch = { connection: 'keep-alive', 'sec-fetch-mode': 'cors', 'accept-language': '*' }
    const traced = { 'x-request-id': 'a', traceparent: '00-1-2-01', 'content-type': 'application/json' }
    for (const headers of [
      {},
      curl,
      fetch,
      traced,
      { connection: 'Keep-Alive' },
      { authorization: 'Bearer x' },
    ])
      assert.equal(why(headers), undefined, JSON.stringify(headers))
  })

  it('comes from a loopback address', () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1']) {
      assert.equal(isLoopback(address), true, address)
      assert.equal(why({}, { address }), undefined, address)
    }
    for (const address of ['192.168.1.2', '::ffff:10.0.0.1', 'fe80::1', '', '127.0.0.1.evil', '::12'])
      assert.equal(why({}, { address }), 'the address is not loopback', address)
  })

  it('speaks HTTP/1.1, where the runtime tells', () => {
    assert.equal(why({}, { httpVersion: '1.0' }), 'not HTTP/1.1')
    assert.equal(why({}, { httpVersion: undefined }), undefined)
  })

  it('keeps its connection', () => {
    for (const connection of ['close', 'Close', 'upgrade', 'close, te', 'keep-alive, close', 'TE'])
      assert.equal(why({ connection }), 'Connection is not keep-alive', connection)
  })

  it('names this machine as Host, with the port it came to', () => {
    const names = [
      'localhost',
      'LocalHost',
      'a.localhost',
      '127.0.0.1',
      '127.8.9.10',
      '[::1]',
      'workshop',
      'WORKSHOP',
    ]
    for (const name of names) {
      assert.equal(why({ host: `${name}:8080` }), undefined, name)
      for (const host of [name, `${name}:8081`, `${name}:`, `${name}:8080:8080`, `${name}:8080, b`])
        assert.equal(why({ host }), 'Host is none of ours', host)
      assert.equal(why({ host: name }, { port: 80 }), undefined, name)
      assert.equal(why({ host: `${name}:1` }, { port: undefined }), undefined, name)
    }
  })

  it('names nobody else as Host', () => {
    const hosts = [
      '',
      'ollama.example.com:8080',
      'ollama_guard_proxy',
      '192.168.1.2:8080',
      '10.0.0.1:8080',
      '0.0.0.0:8080',
      '[::]:8080',
      '[::2]:8080',
      'printer.local:8080',
      'localhost.example.com:8080',
      '127.0.0.1.nip.io:8080',
      'notlocalhost:8080',
      '128.0.0.1:8080',
    ]
    for (const host of hosts) assert.equal(why({ host }), 'Host is none of ours', host)
    assert.equal(
      whyNotLocal({ address: '::1', port: 80, httpVersion: '1.1' }, {}, 'workshop'),
      'Host is none of ours',
    )
  })

  it('is of no page of another site', () => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost:3000', 'http://127.0.0.1:8080'])
      assert.equal(why({ origin }), 'another site as Origin', origin)
    assert.equal(why({ origin: `http://${HOST}` }), undefined)
  })

  /** One header of each proxy and service that is known to add one, as that one spells it. */
  const ADDED = [
    ...['Forwarded', 'Via', 'CDN-Loop', 'X-Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host'],
    ...['X-Forwarded-Proto', 'X-Forwarded-Port', 'X-Forwarded-Server', 'X-Forwarded-Prefix', 'Forwarded-For'],
    ...['X-Real-IP', 'X-Real-Port', 'X-Client-IP', 'Client-IP', 'X-Cluster-Client-IP', 'X-Remote-Addr'],
    ...[
      'X-Original-Forwarded-For',
      'X-Original-URL',
      'X-Original-Host',
      'X-Originating-IP',
      'X-ProxyUser-IP',
    ],
    ...[
      'X-Scheme',
      'Front-End-Https',
      'Proxy-Client-IP',
      'WL-Proxy-Client-IP',
      'X-Varnish',
      'X-BlueCoat-Via',
    ],
    ...['X-Envoy-External-Address', 'X-Envoy-Expected-Rq-Timeout-Ms', 'l5d-client-id', 'X-Kong-Request-Id'],
    ...['X-Consumer-Username', 'X-ARR-LOG-ID', 'X-ARR-SSL', 'X-Azure-ClientIP', 'X-FD-HealthProbe'],
    ...['X-AppGW-Trace-Id', 'X-Amzn-Trace-Id', 'X-Amz-Cf-Id', 'CloudFront-Viewer-Address'],
    ...['X-Cloud-Trace-Context', 'X-Goog-Authenticated-User-Email', 'X-AppEngine-User-IP'],
    ...['CF-Connecting-IP', 'CF-Ray', 'CF-IPCountry', 'CF-Visitor', 'True-Client-IP', 'Akamai-Origin-Hop'],
    ...['X-Akamai-Edgescape', 'Fastly-Client-IP', 'Fastly-FF', 'X-Sucuri-ClientIP', 'Incap-Client-IP'],
    ...['Ali-CDN-Real-IP', 'DO-Connecting-IP', 'Fly-Client-IP', 'X-Vercel-Id', 'X-Nf-Client-Connection-Ip'],
    ...['X-Request-Start', 'Tailscale-User-Login', 'X_Forwarded_For', 'x_real_ip'],
  ]
  for (const name of ADDED) {
    it(`carries no ${name}`, () => {
      assert.match(why({ [name.toLowerCase()]: '127.0.0.1' }) ?? '', /^a proxy added [a-z0-9-]+$/)
      assert.match(why({ [name.toLowerCase()]: '' }) ?? '', /^a proxy added /)
    })
  }

  it('may carry the one header in which the platform itself tells the address', () => {
    const platform = { addressHeader: 'cf-connecting-ip' }
    assert.equal(why({ 'cf-connecting-ip': '127.0.0.1' }, platform), undefined)
    assert.equal(why({ 'cf-ray': '1' }, platform), 'a proxy added cf-')
  })

  it('is told from names that only look like such headers', () => {
    for (const name of ['x-request-id', 'viable', 'x-forward', 'cfg', 'clients', 'x-amz-date', 'x-realm'])
      assert.equal(why({ [name]: '1' }), undefined, name)
  })
})
