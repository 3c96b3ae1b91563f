/** Why Ollama cannot be reached. Operators see the cause in the log, at the start and in /health; clients never do. */
export interface Cause {
  /** The operating system's name of the cause, if it has one; the same on every runtime. */
  readonly code: string
  /** A sentence that begins with "Ollama", without the full stop. */
  readonly message: string
  /** What the operator can do; no full stop. */
  readonly advice: string
}

const START =
  'start Ollama (`ollama serve`), or set another address: ollama_url in config.yaml, OLLAMA_URL or --upstream'
const TRUST =
  'set NODE_EXTRA_CA_CERTS to a PEM file with that certificate or with its authority, and restart the proxy'
const NETWORK = 'check ollama_url, the network and the firewalls'
const DNS = 'check the name servers of this machine'

/** `message` is the sentence without its first word, "Ollama". */
type CauseText = readonly [message: string, advice: string]

const UNKNOWN_AUTHORITY: CauseText = [
  'uses a certificate from an authority that this machine does not trust',
  TRUST,
]
const NO_ROUTE: CauseText = ['cannot be reached: there is no route to its address', NETWORK]

/** The only table of causes. docs/guide.md lists the same codes; a test compares both. */
const CAUSES: Readonly<Record<string, CauseText>> = {
  ECONNREFUSED: ['cannot be reached: nothing listens at its address', START],
  ENOTFOUND: ['cannot be reached: its host name does not exist', 'check the host name in ollama_url'],
  EAI_AGAIN: ['cannot be reached: the lookup of its host name fails at present', DNS],
  ETIMEDOUT: ['did not answer in time', NETWORK],
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  ECONNRESET: [
    'closed the connection before it answered',
    'look into the log of Ollama; if Ollama uses https, ollama_url must begin with https://',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['uses a self-signed certificate', TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: ['uses a certificate that has expired', 'renew the certificate'],
  CERT_NOT_YET_VALID: ['uses a certificate that is not valid yet', 'check the clocks of both machines'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'uses a certificate for another host name',
    'set ollama_url to a host name of the certificate',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'does not use https at this address',
    'change ollama_url to http://, or to the port that uses https',
  ],
  UNEXPECTED_ANSWER: [
    'sent an answer that cannot follow the signs of life which the client has got',
    'find the server between the proxy and Ollama that changes answers',
  ],
  EPROTO: [
    'and the proxy cannot agree on a TLS connection',
    'check the TLS settings of the server in front of Ollama',
  ],
  NOT_HTTP: ['sent an answer that is not valid HTTP', 'check the port in ollama_url'],
  NOT_OLLAMA: ['is not the program that answers at this address', 'check ollama_url'],
  UNKNOWN: ['cannot be reached', NETWORK],
}

/** Names that runtimes and libraries use for the same causes. */
const ALIASES: Readonly<Record<string, string>> = {
  // undici
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_CONNECT_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_OVERFLOW: 'NOT_HTTP',
  // answers of name servers, in the names of Bun's resolver
  ENODATA: 'ENOTFOUND',
  ESERVFAIL: 'EAI_AGAIN',
  EREFUSED: 'EAI_AGAIN',
  ETIMEOUT: 'EAI_AGAIN',
  // a closed connection, noticed while writing
  EPIPE: 'ECONNRESET',
}

/** How many levels of `cause` are looked at. */
const DEEPEST = 4

/** Why a connection or a probe failed. `error`: any value that the runtime threw. */
export function causeOf(error: unknown): Cause {
  for (let inner = error, depth = 0; inner instanceof Error && depth < DEEPEST; depth++) {
    const code = codeOf(inner)
    if (code !== undefined) return causeOfCode(code)
    inner = inner instanceof AggregateError ? inner.errors[0] : inner.cause
  }
  return causeOfCode('UNKNOWN')
}

/** Codes of failures in the proxy or in its client, not in Ollama. */
const NOT_OLLAMAS_FAULT =
  /^(?:UND_ERR_(?:INVALID_ARG|REQ_|NOT_SUPPORTED|ABORTED|DESTROYED|CLOSED)|UPLOAD_BROKE$)/

/** False for a failure of the proxy or of a client, so that no client can make Ollama look unreachable. */
export function isOllamasFault({ code }: Cause): boolean {
  return !NOT_OLLAMAS_FAULT.test(code)
}

/** The cause with this code. A code that is not in the table keeps its name and gets the sentence of UNKNOWN. */
export function causeOfCode(code: string): Cause {
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
  // Bun says this only in the message.
  if (error.code === 'EPROTO' && error.message.includes('WRONG_VERSION_NUMBER'))
    return 'ERR_SSL_WRONG_VERSION_NUMBER'
  return /^ERR_SSL_/.test(error.code) && !(error.code in CAUSES) ? 'EPROTO' : error.code
}
