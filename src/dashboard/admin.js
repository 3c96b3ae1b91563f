import { askToken } from './dialogs.js'
import { byId } from './dom.js'

/** Why the proxy did not do what it was asked to, in words for the person in front of the page. */
export class Refused extends Error {}

const NEEDED = 'The proxy takes this only with its admin token.'
const WRONG = 'Wrong token: the proxy does not accept it.'
const NOT_GIVEN = 'Nothing was changed: no admin token was given.'
const NOT_FROM_HERE =
  'The proxy has no admin token and takes changes from its own machine only. Set admin_token to allow them from here.'
const NO_ANSWER = 'The proxy does not answer. Whether it was done is not known.'

/** Sends what changes something at the proxy. The token is asked for when it is needed, and kept in memory only. */
export class Admin {
  #forget = byId('forget-token')
  #token = ''
  #asking

  constructor() {
    this.#forget.addEventListener('click', () => this.#keep(''))
  }

  /** The proxy's answer. Throws Refused. */
  async send(path, body) {
    for (;;) {
      const token = this.#token
      const response = await post(path, body, token)
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
    this.#token = token
    this.#forget.hidden = token === ''
  }
}

async function post(path, body, token) {
  const headers = { 'Content-Type': 'application/json' }
  // What is no header's text is no token either, and fetch would only say that it is a TypeError.
  if (token !== '') headers.Authorization = `Bearer ${encodeURI(token) === token ? token : 'unwritable'}`
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
