/** What is remembered of a contender. All times are clock milliseconds. */
export interface Notes {
  /** Since when the state holds. */
  since: number
  /** When calls were last sent to load the runner. */
  triedAt: number
  /** End of the last load. */
  loadedAt: number
  /** The last sign that the runner is in memory. */
  provenAt: number
  /** When Ollama unloads the runner unless it is called. */
  expiresAt: number
  /** Since when no call runs. */
  idleSince: number
  /** Nobody has called since no call runs. */
  isQuiet: boolean
  /** Milliseconds for which the runner is quiet: a mean in which the last time counts half. Undefined before the first. */
  quietMs: number | undefined
  /** A call with keep_alive 0 came last: Ollama unloads the runner as soon as no call runs. */
  unloadsWhenIdle: boolean
  /** The runner was in memory when it was looked at last, and nobody has looked since long. */
  doubted: boolean
  /** The load was seen, and nobody was told: an answer may tell how long the load took, or that there was none. */
  untold: boolean
  /** The same weights had this contender's place until the last load. Its answer tells whether that was a load at all. */
  reloadedFor: object | undefined
  /** Loads in a row that took no time, though the options before were others. */
  needless: number
  /** Loads in a row that failed. */
  failures: number
  /** Before this, no load is tried while other runners are wanted. */
  notBefore: number
  /** Milliseconds that a load takes; undefined before the first. */
  loadMs: number | undefined
  /** `loadMs` is Ollama's own figure. */
  loadIsTold: boolean
}

/** Shared by all contenders of which nothing is known, because most made-up names get no further. */
export const NOTHING: Readonly<Notes> = {
  since: Number.NEGATIVE_INFINITY,
  triedAt: Number.NEGATIVE_INFINITY,
  loadedAt: Number.NEGATIVE_INFINITY,
  provenAt: Number.NEGATIVE_INFINITY,
  expiresAt: Number.POSITIVE_INFINITY,
  idleSince: Number.NEGATIVE_INFINITY,
  isQuiet: false,
  quietMs: undefined,
  unloadsWhenIdle: false,
  doubted: false,
  untold: false,
  reloadedFor: undefined,
  needless: 0,
  failures: 0,
  notBefore: Number.NEGATIVE_INFINITY,
  loadMs: undefined,
  loadIsTold: false,
}
