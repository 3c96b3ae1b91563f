/** Why Ollama cannot be reached, for an operator: in the log, at the start and in /health, never in a client's body. */
export interface Cause {
  /** The system's own name of the cause where it has one; the same on every runtime. */
  readonly code: string
  /** A sentence about Ollama, without its full stop. */
  readonly message: string
  /** What to do about it. */
  readonly advice: string
}

const START =
  'start Ollama (`ollama serve`), or name another address: ollama_url in config.yaml, OLLAMA_URL or --upstream'
const TRUST =
  'name a PEM file with that certificate, or with its authority, in NODE_EXTRA_CA_CERTS, and start the proxy again'
const WAY = 'check ollama_url, and the network and firewalls on the way'
const DNS = 'check the name servers of this machine'

/** What goes on behind "Ollama", and what to do about it. */
type Entry = readonly [message: string, advice: string]

const UNKNOWN_AUTHORITY: Entry = [
  'shows a certificate of an authority that this machine does not know',
  TRUST,
]
const NO_WAY: Entry = ['cannot be reached: there is no way to its address', WAY]

/** The one table of causes. docs/guide.md lists its codes, and a test compares the two. */
const CAUSES: Readonly<Record<string, Entry>> = {
  ECONNREFUSED: ['cannot be reached: nothing listens at its address', START],
  ENOTFOUND: ['cannot be reached: its host name does not exist', 'check the host name in ollama_url'],
  EAI_AGAIN: ['cannot be reached: its host name cannot be looked up at present', DNS],
  ETIMEDOUT: ['gave no answer in time', WAY],
  EHOSTUNREACH: NO_WAY,
  ENETUNREACH: NO_WAY,
  ECONNRESET: [
    'closed the connection before it answered',
    'look into its own log; where it speaks https, ollama_url must begin with https://',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['shows a certificate that it signed itself', TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: ['shows a certificate that has expired', 'renew it'],
  CERT_NOT_YET_VALID: ['shows a certificate that is not valid yet', 'check the clocks of both machines'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'shows a certificate for another host name',
    'put a host name that stands in the certificate into ollama_url',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'does not speak https at this address',
    'let ollama_url begin with http://, or name the port that speaks https',
  ],
  EPROTO: [
    'and the proxy do not agree on a TLS connection',
    'check the TLS settings of the server before Ollama',
  ],
  NOT_HTTP: ['gave an answer that is no proper HTTP', 'check the port in ollama_url'],
  NOT_OLLAMA: ['is not what answers there: another program does', 'check ollama_url'],
  UNKNOWN: ['cannot be reached', WAY],
}

/** What runtimes and libraries call the same causes. */
const ALIASES: Readonly<Record<string, string>> = {
  // undici
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_CONNECT_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_OVERFLOW: 'NOT_HTTP',
  // name servers, as Bun's resolver tells of them
  ENODATA: 'ENOTFOUND',
  ESERVFAIL: 'EAI_AGAIN',
  EREFUSED: 'EAI_AGAIN',
  ETIMEOUT: 'EAI_AGAIN',
  // the same connection, found closed while writing
  EPIPE: 'ECONNRESET',
}

/** Looks this deep into errors inside errors. */
const DEEPEST = 4

/** Finds out why a connection or a probe failed, from whatever the runtime threw. */
export function causeOf(error: unknown): Cause {
  for (let inner = error, depth = 0; inner instanceof Error && depth < DEEPEST; depth++) {
    const code = codeOf(inner)
    if (code !== undefined) return named(code)
    inner = inner instanceof AggregateError ? inner.errors[0] : inner.cause
  }
  return named('UNKNOWN')
}

/** What went wrong on our side of a request, or on its client's, before Ollama could have failed. */
const NOT_OLLAMA = /^(?:UND_ERR_(?:INVALID_ARG|REQ_|NOT_SUPPORTED|ABORTED|DESTROYED|CLOSED)|UPLOAD_BROKE$)/

/** False where the cause says nothing of Ollama, so that no client can make Ollama look ill. */
export function isOllamas({ code }: Cause): boolean {
  return !NOT_OLLAMA.test(code)
}

/** The entry of a code; a code that is not in the table keeps its name. */
export function named(code: string): Cause {
  const known = ALIASES[code] ?? code
  const [message, advice] = CAUSES[known] ?? CAUSES.UNKNOWN ?? ['', '']
  return { code: known, message: `Ollama ${message}`, advice }
}

/** Every code that has a sentence of its own. */
export const CAUSE_CODES: readonly string[] = Object.keys(CAUSES).filter((code) => code !== 'UNKNOWN')

function codeOf(error: Error): string | undefined {
  if (error.name === 'TimeoutError') return 'ETIMEDOUT'
  if (error.name === 'HTTPParserError') return 'NOT_HTTP'
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  // Bun knows this by its message alone.
  if (error.code === 'EPROTO' && error.message.includes('WRONG_VERSION_NUMBER'))
    return 'ERR_SSL_WRONG_VERSION_NUMBER'
  return /^ERR_SSL_/.test(error.code) && !(error.code in CAUSES) ? 'EPROTO' : error.code
}
