import { askToken } from './dialogs.js'
import { byId } from './dom.js'

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

/** Sends changes to the proxy. Asks for the admin token when the proxy needs the token, and keeps it in memory only. */
export class Admin {
  #forget = byId('forget-token')
  #token = ''
  #asking
  #onTokenChanged

  /** `onTokenChanged` runs when the token is another one or is forgotten. */
  constructor(onTokenChanged) {
    this.#onTokenChanged = onTokenChanged
    this.#forget.addEventListener('click', () => this.#keep(''))
  }

  get hasToken() {
    return this.#token !== ''
  }

  /** Headers with the token; empty when there is no token. */
  get headers() {
    if (this.#token === '') return {}
    // A token that cannot be in a header is wrong, but fetch only throws a TypeError. So another wrong token is sent.
    const isHeaderText = encodeURI(this.#token) === this.#token
    return { Authorization: `Bearer ${isHeaderText ? this.#token : 'unwritable'}` }
  }

  /** Asks for the token so that the page can connect to a proxy without free connections. */
  async askToConnect() {
    this.#keep(await askToken(TOKEN_TO_CONNECT))
  }

  /** Resolves to the proxy's answer. Throws RequestFailed. */
  async send(path, body) {
    for (;;) {
      const token = this.#token
      const response = await post(path, body, this.headers)
      if (response.ok) return response.json()
      if (response.status === 403 && token === '') throw new RequestFailed(NOT_FROM_HERE)
      if (response.status !== 401 && response.status !== 403)
        throw new RequestFailed(await reasonOf(response))
      // Another request may have asked for the token meanwhile; then the new token is tried.
      if (token === this.#token) await this.#ask(token === '' ? TOKEN_NEEDED : TOKEN_WRONG)
    }
  }

  /** Opens one dialog, also when several requests need the token at the same time. */
  async #ask(why) {
    this.#asking ??= askToken(why)
    const token = await this.#asking
    this.#asking = undefined
    this.#keep(token)
    if (token === '')
      throw new RequestFailed(why === TOKEN_WRONG ? `${TOKEN_WRONG} Nothing was changed.` : TOKEN_MISSING)
  }

  #keep(token) {
    const hasChanged = token !== this.#token
    this.#token = token
    this.#forget.hidden = token === ''
    if (hasChanged) this.#onTokenChanged()
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
