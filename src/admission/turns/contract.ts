/**
 * What a call in line waits for.
 * slot: its runner is loaded, and all slots are taken. turn: another runner has the machine. load: its runner is being
 * loaded. paused: an operator has paused the model. stuck: Ollama does not work on the calls of its runner. budget: its
 * turn is due, and a switch now would take more than `max_switching` of the time. caller: its caller has as many calls
 * running as the caller may have.
 */
export type WaitingFor = 'slot' | 'turn' | 'load' | 'paused' | 'stuck' | 'budget' | 'caller'

/**
 * Why a runner was loaded.
 * first: no other runner was loaded. together: the runner fits beside all loaded ones. idle: the runners that left had
 * no work. aged: a call had waited `max_wait`. owed: a caller was behind all callers that waited for the runners that
 * left. meeting: to see whether the runner fits beside the loaded ones. outside: no call of this proxy asked for the load.
 */
export type LoadReason = 'first' | 'together' | 'idle' | 'aged' | 'owed' | 'meeting' | 'outside'

/**
 * Why a runner left memory.
 * evicted: to make room for a runner that this proxy had loaded. expired: its keep_alive ran out. unloaded: a call of
 * this proxy asked for it. outside: none of these.
 */
export type LeaveReason = 'evicted' | 'expired' | 'unloaded' | 'outside'

/** How turns are ordered, from the options `turns` and `turn`. */
export interface TurnSettings {
  /** False: each runner gets its calls at once, as if it had the machine alone. */
  readonly ordered: boolean
  /** Milliseconds in line after which a call may end the turn of a runner that has work. */
  readonly maxWaitMs: number
  /** The share of time that may go into ending the turns of runners that have work: 0 to 1. */
  readonly maxSwitching: number
  /** Sets of model keys that fit into memory together, as an operator knows. */
  readonly together: readonly (readonly string[])[]
}

/** One model in memory, as /api/ps tells. */
export interface SeenModel {
  /** Key of the name for which the model was loaded. */
  readonly model: string
  /** Clock milliseconds at which Ollama would unload the model. Undefined: unknown, or never. Can lie in the past. */
  readonly expiresAt: number | undefined
}

/** Asks Ollama what is loaded, for the turns. Must not throw. Each answer goes to LocalAdmission.sawLoaded. */
export interface LoadedWatch {
  /** Milliseconds from one question to the next. Undefined: ask no more. */
  pace(everyMs: number | undefined): void
  /** Asks at once, or as soon as the question under way is answered: only a later question shows a change. */
  look(): void
}

/** A runner, as turns show it. */
export interface TurnRunner {
  /** The runner's id, as LaneView has it. */
  readonly runner: string
  /** The model keys that share the runner. For a runner without a lane: the name of /api/ps. */
  readonly names: readonly string[]
  /** The options with which the runner is loaded, as `num_ctx=4096`. Empty: all automatic. */
  readonly options: string
}

/** A load that is over. Times are milliseconds. */
export interface RunnerLoad extends TurnRunner {
  readonly reason: LoadReason
  /** The runners that had to leave for this one. */
  readonly from: readonly TurnRunner[]
  /** Clock milliseconds of the end of the load. */
  readonly at: number
  /** From the decision until the last call of `from` was over. */
  readonly drainMs: number
  /** From the call that asked for the runner to the first sign that the runner is loaded. */
  readonly loadMs: number
  /** Ollama could not load the runner, or the client left meanwhile. */
  readonly failed: boolean
}

/** A runner left memory. */
export interface RunnerLeave extends TurnRunner {
  readonly reason: LeaveReason
  /** Clock milliseconds at which the absence was seen. */
  readonly at: number
}

/** Hears of each change of the loaded runners. Called synchronously; must not throw. */
export interface TurnObserver {
  loaded(load: RunnerLoad): void
  left(leave: RunnerLeave): void
}

/** A runner that has the machine, or is on its way in or out. */
export interface RunnerTurn extends TurnRunner {
  /** leaving: gets no more calls, because another runner is to come. */
  readonly state: 'loading' | 'loaded' | 'leaving'
  /** Clock milliseconds since when. */
  readonly since: number
}

/** The turns, as pages see them. */
export interface TurnsView {
  /** off: switched off. unavailable: Ollama does not tell what is loaded. In both cases no call waits for a turn. */
  readonly mode: 'auto' | 'off' | 'unavailable'
  /** Longest loaded first. */
  runners(): readonly RunnerTurn[]
  /** The runner that comes next. `waitedMs`: for how long its first call has waited. */
  next(now: number): (TurnRunner & { readonly waitedMs: number }) | undefined
  /** Milliseconds of switching that may be spent now, measured by the cost of the last switch. */
  creditMs(now: number): number
  /** The largest sets of runners that were seen in memory together, and those of the configuration. */
  together(): readonly (readonly string[])[]
  /** The smallest sets of runners of which one left when the last was loaded. */
  apart(): readonly (readonly string[])[]
}
