import { askToken } from './dialogs.js'
import { byId } from './dom.js'

/** Why the proxy did not do what it was asked to, in words for the person in front of the page. */
export class Refused extends Error {}

const NEEDED = 'The proxy takes this only with its admin token.'
const WRONG = 'Wrong token: the proxy does not accept it.'
const NOT_GIVEN = 'Nothing was changed: no admin token was given.'
const FOR_A_PLACE = 'With the admin token there is a place for you, also while all others are taken.'
const NOT_FROM_HERE =
  'The proxy has no admin token and takes changes from its own machine only. Set admin_token to allow them from here.'
const NO_ANSWER = 'The proxy does not answer. Whether it was done is not known.'

/** Sends what changes something at the proxy. The token is asked for when it is needed, and kept in memory only. */
export class Admin {
  #forget = byId('forget-token')
  #token = ''
  #asking
  #changed

  /** `changed`: told when there is another token, or none any more. */
  constructor(changed) {
    this.#changed = changed
    this.#forget.addEventListener('click', () => this.#keep(''))
  }

  get hasToken() {
    return this.#token !== ''
  }

  /** What a request of somebody who holds the token carries; nothing without one. */
  get headers() {
    // What is no header's text is no token either, and fetch would only say that it is a TypeError.
    const writable = encodeURI(this.#token) === this.#token ? this.#token : 'unwritable'
    return this.#token === '' ? {} : { Authorization: `Bearer ${writable}` }
  }

  /** Asks for the token without something to do with it. */
  async askForPlace() {
    this.#keep(await askToken(FOR_A_PLACE))
  }

  /** The proxy's answer. Throws Refused. */
  async send(path, body) {
    for (;;) {
      const token = this.#token
      const response = await post(path, body, this.headers)
      if (response.ok) return response.json()
      if (response.status === 403 && token === '') throw new Refused(NOT_FROM_HERE)
      if (response.status !== 401 && response.status !== 403) throw new Refused(await reasonOf(response))
      // Another action may have brought a new one meanwhile.
      if (token === this.#token) await this.#ask(token === '' ? NEEDED : WRONG)
    }
  }

  /** Several actions at once are one question. */
  async #ask(why) {
    this.#asking ??= askToken(why)
    const token = await this.#asking
    this.#asking = undefined
    this.#keep(token)
    if (token === '') throw new Refused(why === WRONG ? `${WRONG} Nothing was changed.` : NOT_GIVEN)
  }

  #keep(token) {
    const isOther = token !== this.#token
    this.#token = token
    this.#forget.hidden = token === ''
    if (isOther) this.#changed()
  }
}

async function post(path, body, authorization) {
  const headers = { 'Content-Type': 'application/json', ...authorization }
  try {
    return await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error' })
  } catch {
    throw new Refused(NO_ANSWER)
  }
}

/** What the body of an error says: its issues where there are any, else its message. */
async function reasonOf(response) {
  const { message, issues } = await response.json().catch(() => ({}))
  const details = issues?.map((issue) => issue.message).join('; ')
  return details || message || `The proxy answered with status ${response.status}.`
}
