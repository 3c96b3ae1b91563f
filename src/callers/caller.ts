/** All classes, the most urgent first. */
export const CALL_CLASSES = ['interactive', 'normal', 'batch'] as const

/** How urgent a call is. Calls of each class share the slots by the weight of their class. */
export type CallClass = (typeof CALL_CLASSES)[number]

/** What a caller may have of all models together. Infinity: no limit. */
export interface CallerLimits {
  /** Calls that run at once. Calls above it wait and delay nobody. */
  readonly parallel: number
  /** Calls that wait at once. */
  readonly queue: number
  /** The share of slot-time beside other callers of the same class. Above zero; default: 1. */
  readonly weight?: number
}

/** The party that a call is charged to. Equal ids are one caller. */
export interface Caller {
  /** The name of the caller's key, or an address (of IPv6 the /64). */
  readonly id: string
  /** The key of the caller. Undefined for a caller that is known by the address alone. */
  readonly key: Key | undefined
  readonly limits: CallerLimits
}

/** What a request asks for: infer runs a model, view reads our own pages, manage changes Ollama. */
export type Use = 'infer' | 'view' | 'manage'

/** Amounts per window of time. Undefined: no limit. */
export interface Budget {
  /** From midnight to midnight, local time. */
  readonly day?: number | undefined
  /** From the first of a month to the first of the next one, local time. */
  readonly month?: number | undefined
}

/** One entry of `keys`: how a caller is known, and what it may do. */
export interface Key {
  readonly name: string
  /** SHA-256 of the secret, 64 lower-case hexadecimal digits. */
  readonly hash?: string | undefined
  /** An SSH public key, `ssh-ed25519 AAAA…`. */
  readonly ed25519?: string | undefined
  /** Addresses and networks. */
  readonly address: readonly string[]
  /** Globs; one that begins with `!` excludes. Undefined: all models. */
  readonly models: readonly string[] | undefined
  readonly may: ReadonlySet<Use>
  /** The class of a call that asks for none. */
  readonly class: CallClass
  /** The most urgent class that a call can ask for. */
  readonly maxClass: CallClass
  readonly limits: CallerLimits
  readonly slotSeconds: Budget
  /** Tokens in and out together. */
  readonly tokens: Budget
  /** The people behind this key are told by the headers of Open WebUI. */
  readonly users: 'open-webui' | undefined
  /** The calls of this key get signs of life while they wait. */
  readonly notify: boolean
}

export const NO_LIMITS: CallerLimits = {
  parallel: Number.POSITIVE_INFINITY,
  queue: Number.POSITIVE_INFINITY,
}

/** The one caller of a proxy that tells no callers apart. */
export const EVERYBODY: Caller = { id: 'everybody', key: undefined, limits: NO_LIMITS }
