import { byId } from './dom.js'

/** Where the browser keeps the key. The origin may be shared with other pages, so the name says whose key it is. */
const ENTRY = 'ollama-guard-proxy.key'

/** Headers for a key or an admin token; none for an empty one. */
export function headersWith(key) {
  if (key === '') return {}
  // A key that cannot be in a header is wrong, but fetch only throws a TypeError. So another wrong key is sent.
  const isHeaderText = /^[!-~]+$/.test(key)
  return { Authorization: `Bearer ${isHeaderText ? key : 'unwritable'}` }
}

/**
 * The key or the admin token that the page sends with its requests. The browser keeps it in sessionStorage: for this
 * tab, and until the tab is closed.
 */
export class Credential {
  #button = byId('forget-key')
  #value = read()
  #onNew

  /** `onNew` runs when there is another key. */
  constructor(onNew) {
    this.#onNew = onNew
    this.#button.hidden = this.#value === ''
    this.#button.addEventListener('click', () => {
      this.drop()
      // Nothing stays that was read with the key: no stream, no figures.
      location.reload()
    })
  }

  /** Empty when there is none. */
  get value() {
    return this.#value
  }

  keep(value) {
    if (value === this.#value) return
    this.#set(value)
    this.#onNew()
  }

  drop() {
    this.#set('')
  }

  #set(value) {
    this.#value = value
    this.#button.hidden = value === ''
    write(value)
  }
}

function read() {
  try {
    return sessionStorage.getItem(ENTRY) ?? ''
  } catch {
    return ''
  }
}

/** Where the browser lets no page keep anything, the key is lost with the page. */
function write(value) {
  try {
    if (value === '') sessionStorage.removeItem(ENTRY)
    else sessionStorage.setItem(ENTRY, value)
  } catch {
    // The key is in memory all the same.
  }
}
