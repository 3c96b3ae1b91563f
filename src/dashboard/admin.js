import { headersWith } from './credential.js'
import { askToken } from './dialogs.js'

/** A change that the proxy did not make. The message is for the operator. */
export class RequestFailed extends Error {}

const TOKEN_NEEDED = 'This needs the admin token of the proxy.'
const TOKEN_WRONG = 'Wrong token: the proxy does not accept this token.'
const TOKEN_MISSING = 'Nothing was changed: no admin token was given.'
const TOKEN_TO_CONNECT =
  'The proxy has no free connection for this page. With the admin token the page can connect.'
const NOT_FROM_HERE =
  'The proxy has no admin token, so it accepts changes only from its own machine. Set admin_token to change this.'
const NO_ANSWER = 'The proxy does not answer. The change may or may not have been made.'

const UNAUTHORIZED = 401
const FORBIDDEN = 403
/** The proxy did not look at the token, because too many others were wrong. */
const TOO_MANY_ATTEMPTS = 429

/** Sends changes to the proxy. Asks for the admin token when the proxy needs the token. */
export class Admin {
  #credential
  #asking

  constructor(credential) {
    this.#credential = credential
  }

  /** Asks for the token so that the page can connect to a proxy without free connections. */
  async askToConnect() {
    const token = await askToken(TOKEN_TO_CONNECT)
    if (token !== '') this.#credential.keep(token)
  }

  /** Resolves to the proxy's answer. Throws RequestFailed. */
  async send(path, body) {
    let known = this.#credential.value
    let token = known
    let isAsked = false
    for (;;) {
      const response = await post(path, body, headersWith(token))
      const { status } = response
      if (status !== UNAUTHORIZED && status !== FORBIDDEN) {
        // A wrong token never takes the place of a key with which the page reads the figures.
        if (isAsked && status !== TOO_MANY_ATTEMPTS) this.#credential.keep(token)
        if (response.ok) return response.json()
        throw new RequestFailed(await reasonOf(response))
      }
      if (!isAsked && known !== this.#credential.value) {
        // Another request has asked for the token meanwhile.
        known = this.#credential.value
        token = known
      } else if (!isAsked && token !== '') {
        // This was the key of a caller, or an old token. Without it the proxy tells whether there is an admin token.
        token = ''
      } else {
        if (!isAsked && status === FORBIDDEN) throw new RequestFailed(NOT_FROM_HERE)
        token = await this.#ask(isAsked ? TOKEN_WRONG : TOKEN_NEEDED)
        isAsked = true
      }
    }
  }

  /** Opens one dialog, also when several requests need the token at the same time. */
  async #ask(why) {
    this.#asking ??= askToken(why)
    const token = await this.#asking
    this.#asking = undefined
    if (token === '')
      throw new RequestFailed(why === TOKEN_WRONG ? `${TOKEN_WRONG} Nothing was changed.` : TOKEN_MISSING)
    return token
  }
}

async function post(path, body, authorization) {
  const headers = { 'Content-Type': 'application/json', ...authorization }
  try {
    return await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error' })
  } catch {
    throw new RequestFailed(NO_ANSWER)
  }
}

/** The text of an error answer: its issues if there are any, else its message. */
async function reasonOf(response) {
  const { message, issues } = await response.json().catch(() => ({}))
  const details = issues?.map((issue) => issue.message).join('; ')
  return details || message || `The proxy answered with status ${response.status}.`
}
