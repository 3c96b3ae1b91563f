/** What a request shows of its sender. */
export interface Presented {
  readonly method: string
  /** Path and query as the client sent them. */
  readonly target: string
  /**
   * All values of a header, joined with commas: a runtime that keeps one of two equal headers (`headers` of Node does)
   * would hide a second credential.
   */
  header(lowerCaseName: string): string | undefined
  /** The address of the socket. Empty where the runtime does not know it. */
  readonly clientAddress: string
}

/** What tells a caller. */
export type CredentialKind = 'bearer' | 'x-api-key' | 'api-key' | 'basic' | 'signature' | 'address'

/** What a client sent to prove who is calling. */
export interface Credential {
  readonly by: Exclude<CredentialKind, 'address'>
  /** The secret, or key and signature. Empty: unreadable. */
  readonly value: string
}

/** Beyond that a Basic credential holds no secret that could be right. */
const LONGEST_BASIC = 2_048

/** The first credential that is there. `several`: two different ones where one may stand. */
export function credentialOf(request: Presented): Credential | 'several' | undefined {
  const authorization = request.header('authorization')
  const own = authorization === undefined ? undefined : single(authorization, readAuthorization)
  if (own === 'several' || own?.by === 'bearer') return own
  return (
    single(request.header('x-api-key'), (value) => ({ by: 'x-api-key', value })) ??
    single(request.header('api-key'), (value) => ({ by: 'api-key', value })) ??
    own
  )
}

/** Reads a header that may have been sent more than once. The same value twice is one. */
function single(
  header: string | undefined,
  read: (value: string) => Credential | undefined,
): Credential | 'several' | undefined {
  if (header === undefined) return undefined
  if (!header.includes(',')) {
    const value = header.trim()
    return value === '' ? undefined : read(value)
  }
  const values = new Set(header.split(',').map((value) => value.trim()))
  values.delete('')
  const found = Array.from(values, read).filter((credential) => credential !== undefined)
  return found.length > 0 && values.size > 1 ? 'several' : found[0]
}

/** Every public key of SSH begins with the length of its type, four bytes of which the first three are 0. */
const SIGNATURE = /^AAAA[\w+/=-]*:/

function readAuthorization(value: string): Credential | undefined {
  const space = value.search(/[ \t]/)
  if (space < 0) return SIGNATURE.test(value) ? { by: 'signature', value } : undefined
  const scheme = value.slice(0, space).toLowerCase()
  const rest = value.slice(space).trim()
  if (scheme === 'bearer') return { by: 'bearer', value: rest }
  return scheme === 'basic' ? readBasic(rest) : undefined
}

/** The password. The name of the user means nothing. An empty password is no credential. */
function readBasic(encoded: string): Credential | undefined {
  if (encoded.length > LONGEST_BASIC) return { by: 'basic', value: '' }
  let text: string
  try {
    text = atob(encoded)
  } catch {
    return { by: 'basic', value: '' }
  }
  const colon = text.indexOf(':')
  if (colon < 0) return { by: 'basic', value: '' }
  const value = text.slice(colon + 1)
  return value === '' ? undefined : { by: 'basic', value }
}
