import type { CallClass, Caller, CallerLimits } from '../callers/caller.ts'
import type { LaneObserver, Outcome } from './observer.ts'
import type { Refusal } from './refusal.ts'
import type { TurnsView, WaitingFor } from './turns/contract.ts'

/** `parallel`: slots; Infinity = no limit. `queue`: places in line; with 0 no call waits. */
export interface Limits {
  readonly parallel: number
  readonly queue: number
}

/** One call, as far as admission has to know it. */
export interface Call {
  /** Model key. */
  readonly model: string
  readonly caller: Caller
  /** A person behind the caller's key. The people behind one key share what the key gets. */
  readonly user?: string | undefined
  /** Default: normal. */
  readonly class?: CallClass
  /** Clock milliseconds after which a slot is of no use to the call. */
  readonly deadline: number
  /** Size of the body that the proxy holds while the call waits. */
  readonly bytes: number
  /**
   * Slots that the call takes; 0 for a call that only loads or unloads its model. A lane with fewer slots gives all of
   * its slots; a lane forced to one gives one.
   */
  readonly slots: number
  /** What Ollama does for the call. Default: run. */
  readonly work?: 'run' | 'load' | 'unload'
  /** The options with which Ollama loads the model, equal for equal options. Default: all automatic. */
  readonly options?: string
  /** From the call's keep_alive: false for 0. Undefined: Ollama keeps what an earlier call has set. */
  readonly keepsLoaded?: boolean | undefined
}

/** How the slots are shared among those that wait. */
export interface FairSettings {
  /** False: calls go in the order of their arrival, whoever sends them, and whatever their class. */
  readonly fair: boolean
  /** Of each class, above zero: while all classes wait, they get slot-time in these proportions. */
  readonly weights: Readonly<Record<CallClass, number>>
  /** Slots of each model that calls of the class batch never take. One slot is always left to them. */
  readonly reserve: number
}

/** One Ollama, as far as admission has to know it. */
export interface Upstream {
  readonly name: string
}

/** One place of a runner on an upstream. A call that takes several slots has them on one upstream. */
export interface Slot {
  readonly upstream: Upstream
}

/** Grants slots: the lanes of this process do it at once where they can, a remote admission always answers later. */
export interface Admission {
  /** Throws a Refusal when there is neither a slot nor a place in line. */
  acquire(call: Call, now: number): Permit | Ticket
}

/** Where a call stands in line. */
export interface PlaceInLine {
  /** Counted from 1. */
  readonly position: number
  readonly waitingFor: WaitingFor
  /** Undefined while too little is known. */
  readonly startsInMs: number | undefined
}

/** A call in line. A ticket is settled once: with a permit, or with the refusal that ended the wait. */
export interface Ticket {
  readonly call: Call
  /** Calls back once, at once when the ticket is settled already. A later listener replaces an earlier one. */
  onSettled(listener: (result: Permit | Refusal) => void): void
  /** Only of a ticket whose line is elsewhere. Undefined where the line does not tell. Never rejects. */
  place?(): Promise<PlaceInLine | undefined>
  /** The client left, so the call gives up its place. False when the ticket was settled before. */
  cancel(now: number): boolean
}

/**
 * An answer with at least this load time shows that its model was loaded. For a loaded model a real Ollama of May 2026
 * tells 1 to 2 ms, and up to 56 ms in a burst; for a load of a tiny model mostly 280 to 350 ms, sometimes 32 to 92 ms.
 */
export const LOAD_MS = 200

/** What is known of a call that is over. All times in milliseconds. */
export interface CallReport {
  /** Ollama answered the call without an error. */
  readonly served: boolean
  /** Status of Ollama's answer; 0 without an answer. Undefined: not known. */
  readonly status?: number | undefined
  /** The part of the time that loading the model took. This part says nothing about the next call. */
  readonly loadMs: number
  /** In and out together, as far as the answer tells. */
  readonly tokens?: number
  /** Time in line inside Ollama, before the runner began. Undefined where the answer does not tell. */
  readonly queuedMs?: number
  /** Time that the runner computed. Undefined where the answer does not tell. */
  readonly computedMs?: number
  /** From the grant to the moment at which the runner began. Undefined where the answer does not tell. */
  readonly beganMs?: number
}

/** A taken slot. The holder gives the slot back once; a second release does nothing. */
export interface Permit {
  readonly call: Call
  readonly slot: Slot
  /** Slots taken. */
  readonly slots: number
  /** Milliseconds that the call stood in line. */
  readonly waitMs: number
  /** Ollama has begun to answer with anything but an error, so the runner is in memory. Only of a local permit. */
  began?(now: number): void
  /** Gives the slot back; the next call in line has the slot before a local release returns. */
  release(outcome: Outcome, now: number, report?: CallReport): void
  /** Only of a permit that can be lost: calls back when the call may not go on. */
  onLost?(listener: () => void): void
}

/** Tells a permit from a ticket. */
export function isPermit(answer: Permit | Ticket): answer is Permit {
  return 'release' in answer
}

/** The runner of all models that run in the cloud. */
export const CLOUD = 'cloud'
/** The name under which limits of the cloud's lane are set. No model can have this name. */
export const ALL_CLOUD_MODELS = '*:cloud'

/** Why Ollama runs one call at a time, whatever is set: the model is no completion model, its family or its format. */
export type ForcedReason = 'embedding' | 'family' | 'format'

/** What is known of the runner behind a model's name. */
export interface RunnerFacts {
  /** Equal for all names of one runner; undefined while the runner is not known. */
  readonly runner: string | undefined
  /** Set where Ollama runs one call at a time. */
  readonly forced?: ForcedReason | undefined
}

/** Knows the runner behind a name. */
export interface Runners {
  /** Undefined for a name that is not known. */
  find(model: string): RunnerFacts | undefined
  /** All models that Ollama has are known, so a name that `find` does not know names no model. */
  readonly complete: boolean
  /** A call came for a model that was not called before. Must not throw. */
  opened(model: string): void
}

/** `memory`: where `auto` begins. `measured`: Ollama was seen to run fewer calls at once. */
type LimitReason = 'configured' | 'memory' | 'measured' | 'cloud' | ForcedReason

/** The limit in force: the calls of a lane that may run at once. */
export interface EffectiveLimit {
  readonly parallel: number
  readonly reason: LimitReason
}

/** One lane, as pages and figures see a lane: the slots and the line of one runner, for all of its names. */
export interface LaneView {
  /** The runner's id; a name while the runner is not known. */
  readonly runner: string
  /** The model keys that share the lane. */
  readonly names: readonly string[]
  /** As configured. */
  readonly limits: Limits
  readonly effective: EffectiveLimit
  /** Calls that Ollama really runs at once, where that is less than the configured number. */
  readonly runsFewer: number | undefined
  /** Slots taken. */
  readonly active: number
  /** Calls in line. */
  readonly queued: number
  readonly paused: boolean
  /** Ollama does not work on the calls of the runner: calls in line stay, and new ones are refused. */
  readonly stuck: boolean
  /** What a call in line waits for. `ticket`: one of `waiting`. */
  waitingFor(ticket: object, now: number): WaitingFor
  /**
   * Milliseconds until a call behind `ahead` calls of the lane starts, with turns and loads; undefined while too little is
   * known, or while the lane is paused or stuck. `ticket`: the call in line, one of `waiting`. While its caller has no room, nothing is known.
   */
  startsInMs(ahead: number, now: number, ticket?: object): number | undefined
  /** The calls in line, the next to run first. A call that waits for its caller keeps its place among them. */
  waiting(): Iterable<object>
}

/** One model, as pages and figures see it: the calls under one name. */
export interface ModelView {
  /** Model key. */
  readonly model: string
  readonly lane: LaneView
  /** Calls under this name that hold a slot. */
  readonly active: number
  /** Calls under this name in line. */
  readonly queued: number
  readonly observer: LaneObserver
  /** The calls under this name in line, the next to run first. `enqueuedAt`: clock milliseconds. */
  waiting(): Iterable<{ readonly enqueuedAt: number }>
}

/** The calls of one caller in all lanes, as pages see them. */
export interface CallerView {
  /** Caller.id */
  readonly id: string
  /** Calls that hold slots. */
  readonly active: number
  /** Calls in line. */
  readonly queued: number
  readonly limits: CallerLimits
}

/** All lanes, as pages see and change the lanes. */
export interface LanesView {
  readonly defaults: Limits
  models(): Iterable<ModelView>
  /** By any name of its runner. */
  model(model: string): ModelView | undefined
  lanes(): Iterable<LaneView>
  /** The callers that have calls now. */
  callers(): Iterable<CallerView>
  readonly turns: TurnsView
  /**
   * Changes the limits of one model and of all names of its runner, or with `*` the defaults. Returns the limits in force
   * afterwards.
   */
  configure(model: string, change: Partial<Limits>): Limits
}
