import { jwtVerify } from 'jose'
import type { Clock } from '../clock.ts'
import type { Presented } from './presented.ts'

/** What Open WebUI says about the person. */
export type ToldUser = { readonly user: string | undefined } | 'wrong_user'

const NOBODY: ToldUser = { user: undefined }

/** A token of Open WebUI has id, address, name and role of a person: some 500 characters. */
const LONGEST_TOKEN = 8_192

/** Printable: no control or format character, no half of a pair, no break of a line. */
const USER = /^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u

/** The people behind a key whose `users` is `open-webui`. */
export class OpenWebuiUsers {
  readonly #clock: Clock
  readonly #secret: Uint8Array | undefined

  /** With a secret only tokens are believed, since anybody can write the plain header. */
  constructor(clock: Clock, secret: string | undefined) {
    this.#clock = clock
    this.#secret = secret === undefined ? undefined : new TextEncoder().encode(secret)
  }

  userOf(request: Presented): ToldUser | Promise<ToldUser> {
    if (this.#secret === undefined) return told(request.header('x-openwebui-user-id'))
    const token = request.header('x-openwebui-user-jwt')?.trim() ?? ''
    if (token === '') return NOBODY
    return token.length > LONGEST_TOKEN ? 'wrong_user' : this.#verify(token, this.#secret)
  }

  async #verify(token: string, secret: Uint8Array): Promise<ToldUser> {
    try {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: ['HS256'],
        issuer: 'open-webui',
        requiredClaims: ['exp'],
        currentDate: new Date(this.#clock.wallTime()),
      })
      const { sub, email } = payload
      const user = told(sub || (typeof email === 'string' ? email : undefined))
      return user === NOBODY ? 'wrong_user' : user
    } catch {
      return 'wrong_user'
    }
  }
}

function told(text: string | undefined): ToldUser {
  const user = text?.trim() ?? ''
  if (user === '') return NOBODY
  return USER.test(user) ? { user } : 'wrong_user'
}
