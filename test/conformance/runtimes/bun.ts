import { fromMain, type Target } from '../pair.ts'
import { conformance } from '../suite.ts'
import { installed } from './install.ts'

const bun: Target = {
  name: 'bun',
  command: [installed('bun'), fromMain],
  gaps: {
    pipelining: {
      reason: 'Bun.serve closes a connection on which a request comes before the one ahead is answered',
      link: 'https://github.com/oven-sh/bun/pull/38128',
      provenBy: 'answers pipelined requests in their order',
    },
    http10KeepAlive: {
      reason: 'Bun.serve closes every HTTP/1.0 connection after its answer',
      link: 'https://github.com/oven-sh/bun/pull/32945',
      provenBy: 'keeps the connection of an HTTP/1.0 client that asks for it',
    },
    refusalBeforeContinue: {
      reason: 'Bun.serve says "100 Continue" before the request is handed over',
      provenBy: 'does not ask for a body that it will refuse',
    },
    requestTrailers: {
      reason: 'Bun.serve answers a body with trailers with 400',
      link: 'https://github.com/oven-sh/bun/pull/32887',
      provenBy: 'takes a body with a trailer behind it',
    },
    headerLines: {
      reason:
        'Bun keeps headers in a Headers object, which joins repeated ones, and spells Content-Length its own way',
      provenBy: 'passes HEAD / as it is',
    },
  },
}

conformance(bun)
