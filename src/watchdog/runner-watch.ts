import { meantStatus } from '../relay/meant-status.ts'
import type { InMemory, OverCall, Probe, WatchedCall } from './contract.ts'
import { answersMs, promptsUntil } from './explained.ts'
import { type FollowedCall, follow, isErrorOfOllama, isOwed } from './followed-call.ts'
import { RunnerSpeed } from './runner-speed.ts'

/** Nothing that is shorter is strange, whatever is usual. */
const LEAST_SILENCE_MS = 60_000
/** Ollama unloads an idle runner after five minutes, and then nothing is known of the next process. */
const REMEMBERED_MS = 300_000
/** A runner that was idle for a shorter time is still in memory, if its load is not known to take long. */
const SHORT_IDLE_MS = 1_000
/** A load may wait for the memory that other runners with calls use, but no longer. */
const MOST_WAIT_FOR_MEMORY_MS = 1_800_000

/** What is known of the machine besides the runner itself. */
export interface Surroundings {
  readonly memory: InMemory
  /** Another runner has calls with Ollama, and works on them. */
  readonly othersBusy: boolean
}

/**
 * Watches the calls of one runner. The runner stands still while none of its calls moves: no byte, no answer that
 * begins, no good end. Looks are some seconds apart, so a movement is noticed up to one look late.
 */
export class RunnerWatch {
  readonly runner: string
  readonly speed = new RunnerSpeed()
  /** The last call that was seen, of which a probe is made. */
  last: Probe
  #followed = new Map<string, FollowedCall>()
  /** The last movement. */
  #movedAt = Number.NEGATIVE_INFINITY
  /** Silence of calls that the proxy has cut, up to `#countedTo`. */
  #silentMs = 0
  #countedTo = Number.NEGATIVE_INFINITY
  #endedAt = Number.NEGATIVE_INFINITY
  /** The call that came last to the runner while the runner was idle. */
  #firstId: string | undefined
  /** The runner is in memory, because a call has moved since the runner was idle last. */
  #isLoaded = false
  /** The runner was in memory then, without doubt. */
  #loadedAt = Number.NEGATIVE_INFINITY
  /** The load options of the last call that has moved. */
  #loadedWith = ''
  #hasAnswered = false
  /** The turns say that the runner is being loaded. */
  #isLoading = false
  /** Other runners had the memory until then. */
  #memoryFreeAt = Number.NEGATIVE_INFINITY

  constructor(runner: string, call: Probe) {
    this.runner = runner
    this.last = call
  }

  /** Calls with Ollama at the last look, without those that have ended since. */
  get running(): number {
    return this.#followed.size
  }

  /** Clock milliseconds since when Ollama owes something to a call and nothing has moved. Infinity: no call says anything. */
  get silentSince(): number {
    return this.#since() - this.#silentMs
  }

  /** Takes all calls of the runner that Ollama has. Returns whether anything has moved since the last look. */
  look(calls: readonly WatchedCall[], { memory, othersBusy }: Surroundings, now: number): boolean {
    const before = this.#followed
    this.#followed = new Map()
    let hasMoved = false
    let newest: WatchedCall | undefined
    for (const call of calls) {
      if (newest === undefined || call.sentAt >= newest.sentAt) newest = call
      const followed = before.get(call.id) ?? this.#follow(call)
      this.#followed.set(call.id, followed)
      const isMovement = call.bytesOut > followed.call.bytesOut || (call.begun && !followed.call.begun)
      if (isMovement || call.heldBack || followed.call.heldBack) followed.since = now
      followed.call = call
      if (!isMovement) continue
      hasMoved = true
      followed.excused = false
      this.#loadedWith = followed.options
    }
    if (newest !== undefined) this.last = { model: newest.model, options: newest.options }
    this.#wasIdle()
    if (hasMoved) this.#moved(now)
    else if (this.#isLoaded) this.#loadedAt = now
    this.#isLoading = memory === 'loading'
    const waits = memory !== 'loaded' && othersBusy && now - this.#since() < MOST_WAIT_FOR_MEMORY_MS
    if (waits && this.#loadMs > 0) this.#memoryFreeAt = now
    return hasMoved
  }

  /** A call of the runner is over that Ollama had. Returns whether that is a movement. */
  ended(call: OverCall, now: number): boolean {
    const followed = this.#followed.get(call.requestId)
    this.#followed.delete(call.requestId)
    const isGood = call.outcome === 'done' && meantStatus(call) < 400 && call.slots > 0
    const sentAt = now - call.totalMs + (call.sentMs ?? 0)
    const cameFirst = this.#cameFirst(call, sentAt, followed !== undefined)
    if (isGood) this.speed.heard(call, cameFirst)
    else if (call.outcome === 'done') this.speed.loaded(call.loadMs, cameFirst)
    if (isGood || isErrorOfOllama(call)) {
      this.#hasAnswered ||= isGood
      if (followed !== undefined) this.#loadedWith = followed.options
      this.#moved(now)
      this.#endedAt = now
      return true
    }
    if (this.#isLoaded) this.#loadedAt = now
    if (call.outcome === 'timed_out') this.#cutOff(call, followed, now)
    for (const other of this.#followed.values()) if (other.call.sentAt >= sentAt) other.beginsAt = now
    this.#endedAt = now
    return false
  }

  /**
   * Clock milliseconds after which the runner counts as stuck, unless a call moves. Infinity: no call says anything.
   * Until then the silence is not strange, or something explains the silence: prompts, a load, answers in one piece.
   */
  get dueAt(): number {
    const since = this.#since()
    if (since === Number.POSITIVE_INFINITY) return since
    const strangeAt = this.silentSince + Math.max(LEAST_SILENCE_MS, this.speed.gapMs)
    const owed = [...this.#followed.values()].filter(isOwed)
    const loadMs = this.#loadMs
    const begunAt = loadMs > 0 ? Math.max(since, this.#memoryFreeAt) : since
    // The silence of calls that were cut off was spent on the load, and then on the answers.
    const loadedAt = begunAt + Math.max(0, loadMs - this.#silentMs)
    const leftMs = answersMs(owed, this.speed) - Math.max(0, this.#silentMs - loadMs)
    return Math.max(strangeAt, promptsUntil(owed, this.speed, loadedAt) + Math.max(0, leftMs))
  }

  /** Ollama works, as a probe has shown. A call that does not move in spite of that is for its own deadline. */
  excuse(now: number): void {
    for (const followed of this.#followed.values()) followed.excused = true
    this.#moved(now)
  }

  /** All silence until now does not count. */
  forgive(now: number): void {
    for (const followed of this.#followed.values()) {
      followed.since = Math.max(followed.since, now)
      followed.beginsAt = Math.max(followed.beginsAt, now)
    }
    this.#silentMs = 0
    this.#countedTo = now
  }

  /** Ollama may be a new process, which has nothing in memory. */
  restarted(now: number): void {
    this.forgive(now)
    this.#isLoaded = false
    this.#hasAnswered = false
  }

  /** Whether the runner had no other call when this one was sent. */
  #cameFirst({ requestId }: OverCall, sentAt: number, wasSeen: boolean): boolean {
    return wasSeen ? requestId === this.#firstId : this.#followed.size === 0 && sentAt >= this.#endedAt
  }

  /** A call that was not seen before. One that has ended since its sending may have been in its way. */
  #follow(call: WatchedCall): FollowedCall {
    const followed = follow(call)
    followed.beginsAt = Math.max(call.sentAt, this.#endedAt)
    return followed
  }

  #moved(now: number): void {
    this.#movedAt = now
    this.#silentMs = 0
    this.#isLoaded = true
    this.#loadedAt = now
  }

  /** Since when nothing has moved though a call waits for Ollama. Infinity: no call does. */
  #since(): number {
    let since = Number.POSITIVE_INFINITY
    for (const followed of this.#followed.values())
      if (isOwed(followed)) since = Math.min(since, followed.since)
    return Math.max(since, this.#movedAt, this.#countedTo)
  }

  /** The runner may have left memory where it was idle before the oldest call. */
  #wasIdle(): void {
    let oldest: WatchedCall | undefined
    for (const { call } of this.#followed.values())
      if (oldest === undefined || call.sentAt < oldest.sentAt) oldest = call
    const calledAt = oldest?.sentAt ?? Number.POSITIVE_INFINITY
    if (calledAt < this.#endedAt || this.#movedAt > calledAt) return
    this.#isLoaded = false
    if (oldest === undefined) return
    this.#firstId = oldest.id
    if (calledAt - this.#endedAt > REMEMBERED_MS) this.#silentMs = 0
  }

  /** Milliseconds that a load may take which may be under way. 0: no load can be. */
  get #loadMs(): number {
    const { loadMs, reloadMs } = this.speed
    const isSure = this.#isLoaded && !this.#isLoading
    let oldest = Number.POSITIVE_INFINITY
    let isOther = false
    for (const { call, options } of this.#followed.values()) {
      oldest = Math.min(oldest, call.sentAt)
      isOther ||= !call.begun && options !== this.#loadedWith
    }
    if (isSure && !isOther) return 0
    const isShort = !isOther && !this.#isLoading && this.#hasAnswered
    return isShort && oldest - this.#loadedAt < SHORT_IDLE_MS ? reloadMs : loadMs
  }

  /**
   * The proxy has cut a call off because of a deadline. The silence of the call counts on, unless its prompt explains the
   * silence. Otherwise short deadlines would hide a runner that stands still.
   */
  #cutOff(
    { bytesIn, firstByteMs, sentMs, totalMs }: OverCall,
    followed: FollowedCall | undefined,
    now: number,
  ): void {
    if (sentMs === null || followed?.call.heldBack || followed?.excused) return
    // Not seen by any look, so it is not known since when Ollama owed the next part.
    if (firstByteMs !== null && followed === undefined) return
    const since = followed?.since ?? now - totalMs + sentMs
    const bytes = followed?.call.promptBytes ?? bytesIn
    const isRead = firstByteMs !== null || now > Math.max(since, this.#movedAt) + this.speed.promptMs(bytes)
    if (!isRead) return
    const from = Math.max(Math.min(since, this.#since()), this.#movedAt, this.#countedTo)
    this.#silentMs += now - from
    this.#countedTo = now
  }
}
