import type { Clock } from '../clock.ts'
import type { Caller } from './caller.ts'
import type { Crypto } from './crypto.ts'
import type { SigningKey } from './keys.ts'
import type { Presented } from './presented.ts'

/** `signature_replayed`: the signature was used before, or there is no memory left to know. */
export type SignatureProblem = 'wrong_key' | 'wrong_signature' | 'signature_expired' | 'signature_replayed'

/** How far the clocks of a client and of this machine may be apart. */
const MOST_SKEW_MS = 300_000
/** A signature is good from `ts` - 300 s to `ts` + 300 s. So long after its first use a signature has expired. */
const REMEMBERED_MS = 2 * MOST_SKEW_MS
/**
 * `ts` has whole seconds, and Ed25519 has one signature for one text. So an honest client that asks twice within a
 * second sends the same signature twice.
 */
const REPEAT_MS = 2_000
/** Some 400 bytes each. */
const MOST_REMEMBERED = 100_000
/** Each key has a share of the memory, so that a few keys cannot lock the others out. With many keys the share is this. */
const LEAST_SHARE = 1_000
/** Characters of method and target. The `ollama` command signs some 120 when it names a blob. */
const LONGEST_MESSAGE = 512

/** 64 bytes in base64. The last character has four unused bits. They are 0, so that a signature has one spelling. */
const SIGNATURE = /^[A-Za-z\d+/]{85}[AQgw]==$/

/** The first use of a signature. */
interface FirstUse {
  /** The id of the caller. */
  readonly signer: string
  readonly block: string
  /** Clock milliseconds. */
  readonly at: number
}

/**
 * Checks the signatures of the `ollama` command: with OLLAMA_AUTH=1 the command signs `METHOD,PATH?ts=UNIX`
 * (api/client.go of Ollama) and sends `Authorization: PUBLIC_KEY:SIGNATURE` (auth/auth.go).
 */
export class Signatures {
  readonly #clock: Clock
  readonly #crypto: Crypto
  /** The used signatures with their messages, the oldest first. */
  readonly #used = new Map<string, FirstUse>()
  /** How many of the used signatures each caller has. */
  readonly #counts = new Map<string, number>()

  constructor({ clock, crypto }: { readonly clock: Clock; readonly crypto: Crypto }) {
    this.#clock = clock
    this.#crypto = crypto
  }

  /**
   * The caller who signed the request. A signature is verified at its first use alone.
   * @param value `PUBLIC_KEY:SIGNATURE`
   * @param block the address block of the client
   */
  check(
    request: Presented,
    value: string,
    block: string,
    signers: ReadonlyMap<string, SigningKey>,
  ): Caller | SignatureProblem | Promise<Caller | SignatureProblem> {
    const colon = value.indexOf(':')
    const signer = signers.get(value.slice(0, colon))
    if (signer === undefined) return 'wrong_key'
    const signature = value.slice(colon + 1)
    const message = `${request.method},${request.target}`
    if (message.length > LONGEST_MESSAGE || !SIGNATURE.test(signature)) return 'wrong_signature'
    const signedAt = timeIn(request.target)
    if (signedAt === undefined) return 'wrong_signature'
    if (Math.abs(this.#clock.wallTime() - signedAt) > MOST_SKEW_MS) return 'signature_expired'

    const text = value + message
    const { caller } = signer
    const known = this.#used.get(text)
    if (known !== undefined) return this.#repeat(known, caller, block)
    const verified = this.#crypto.verifyEd25519(
      signer.publicKey,
      new TextEncoder().encode(message),
      Uint8Array.from(atob(signature), (char) => char.charCodeAt(0)),
    )
    const answer = (right: boolean) =>
      right ? this.#use(text, caller, block, signers.size) : ('wrong_signature' as const)
    return typeof verified === 'boolean' ? answer(verified) : verified.then(answer)
  }

  #repeat(first: FirstUse, caller: Caller, block: string): Caller | SignatureProblem {
    const honest = first.block === block && this.#clock.now() - first.at <= REPEAT_MS
    return honest ? caller : 'signature_replayed'
  }

  #use(text: string, caller: Caller, block: string, signers: number): Caller | SignatureProblem {
    // The same signature may have come a second time while the runtime verified.
    const known = this.#used.get(text)
    if (known !== undefined) return this.#repeat(known, caller, block)
    this.#forget()
    const count = this.#counts.get(caller.id) ?? 0
    const share = Math.max(LEAST_SHARE, Math.floor(MOST_REMEMBERED / signers))
    if (count >= share || this.#used.size >= MOST_REMEMBERED) return 'signature_replayed'
    this.#used.set(text, { signer: caller.id, block, at: this.#clock.now() })
    this.#counts.set(caller.id, count + 1)
    return caller
  }

  /** The uses are in the order of their time, so the cost is that of what goes. */
  #forget(): void {
    const now = this.#clock.now()
    for (const [text, { signer, at }] of this.#used) {
      if (now - at <= REMEMBERED_MS) return
      this.#used.delete(text)
      const left = (this.#counts.get(signer) ?? 0) - 1
      if (left > 0) this.#counts.set(signer, left)
      else this.#counts.delete(signer)
    }
  }
}

/** Milliseconds since 1970 of the one `ts` of a target. */
function timeIn(target: string): number | undefined {
  const question = target.indexOf('?')
  if (question < 0) return undefined
  const times = target
    .slice(question + 1)
    .split('&')
    .filter((part) => part.startsWith('ts='))
  const [, seconds] = times.length === 1 ? (/^ts=(\d{1,12})$/.exec(times[0] ?? '') ?? []) : []
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}
