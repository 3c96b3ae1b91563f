import type { ClientRequest } from './contract.ts'

/** What a client may call its request; anything else gets a name of ours. */
const SANE_ID = /^[\w.:=-]{1,128}$/

const OUR_PREFIX = `${Math.random().toString(36).slice(2, 8)}-`
let idCount = 0

/** A name that this process gives once. */
export function newRequestId(): string {
  idCount++
  return OUR_PREFIX + idCount.toString(36)
}

/** The names that clients gave to their live calls, so that each live call has a name of its own. */
export class RequestIds {
  readonly #given = new Set<string>()

  get size(): number {
    return this.#given.size
  }

  /**
   * The client's own X-Request-Id, until `release`; undefined where the call needs a name of ours: there is no such
   * header, it is not sane, it looks like one of ours, or a live call has it.
   */
  claim(request: ClientRequest): string | undefined {
    const given = request.header('x-request-id')
    if (given === undefined || !SANE_ID.test(given)) return undefined
    if (given.startsWith(OUR_PREFIX) || this.#given.has(given)) return undefined
    this.#given.add(given)
    return given
  }

  /** The call is over. Names of ours are not kept, so releasing one does nothing. */
  release(id: string): void {
    if (this.#given.size > 0) this.#given.delete(id)
  }
}
