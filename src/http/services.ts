import type { Context } from 'hono'
import type { LanesView } from '../admission/contract.ts'
import type { Caller } from '../callers/caller.ts'
import type { Clock } from '../clock.ts'
import type { ReloadResult } from '../config/changes.ts'
import type { HistoryPage } from '../pages/monitor.ts'
import type { WindowFigures } from '../pages/queue.ts'
import type { LiveCall } from '../relay/live-call.ts'
import type { KeyUse, KnownCaller } from '../telemetry/caller-figures.ts'
import type { EndedCalls } from '../telemetry/ended-calls.ts'
import type { SharesNow } from '../telemetry/shares.ts'
import type { Memory } from '../telemetry/snapshot.ts'
import type { TurnHistory } from '../telemetry/turn-history.ts'
import type { UpstreamStatus } from '../upstream/health.ts'
import type { Access } from './access.ts'
import type { AdminGuard } from './admin-guard.ts'
import type { ErrorParts } from './errors.ts'
import type { Language } from './language.ts'

/** What the routes of calls need. */
export interface CallServices extends ErrorParts {
  /** The path that is matched against the routes. Empty for a target that is not valid. */
  readonly path: (request: Request, env: unknown) => string
  /** Handles a call that takes a slot. */
  readonly relay: (c: Context) => Promise<Response>
  /** Sends any other request on to Ollama. */
  readonly passThrough: (c: Context) => Promise<Response>
}

/** What all routes need. */
export interface Services extends CallServices {
  readonly config: {
    readonly enable_queue_stats: boolean
    /** Read again for every message. A reload can change the language. */
    readonly language: Language | 'auto'
  }
  readonly clock: Clock
  readonly access: Access
  readonly admin: AdminGuard
  readonly admission: LanesView
  readonly health: { status(): UpstreamStatus }
  readonly version: string
  readonly runtimeName: string
  /** The key of a model's lane, for any spelling of the model's name. Undefined for a text that is no name. */
  readonly modelKey: (name: string) => string | undefined
  readonly memory: () => Promise<Memory>
  readonly draining: () => boolean
  /** A number that changes when something happens to a call in a lane. */
  readonly changes: () => number
  /** The effective configuration without its secrets. Everybody may read it. */
  readonly describeConfig: () => unknown
  /** The loads since the start. Absent where the monitor has them. */
  readonly loads?: Pick<TurnHistory, 'totals' | 'loadingShare'>
  /** Absent where calls and lanes are not in one process. */
  readonly monitor?: Monitor
  readonly callers?: CallerPages
  /** Reads the configuration again. Absent where the configuration cannot change while the process lives. */
  readonly reload?: (() => Promise<ReloadResult>) | undefined
}

/** What pages show of callers. */
export interface CallerPages {
  /** The keys with calls now or with use today, the busiest callers without a key, and what they have of the slots. */
  now(): { readonly callers: Iterable<KnownCaller>; readonly shares: SharesNow }
  auth(): {
    readonly mode: 'off' | 'observe' | 'enforce'
    /** Requests since the start, by reason. */
    readonly refused: Readonly<Record<string, number>>
  }
  /** Who asks for a page about itself. Rejects with an HttpProblem where a key is needed. */
  me(c: Context): Promise<OwnCaller>
}

/** A client that asks about itself. */
export interface OwnCaller {
  readonly caller: Caller
  /** A person behind the caller's key. */
  readonly user: string | undefined
  /** Undefined for a caller without a key. */
  readonly use: KeyUse | undefined
}

/** What only a process with its own lanes and calls can show. */
export interface Monitor {
  readonly calls: {
    live(): Iterable<LiveCall>
    /** A call that is not over. */
    find(id: string): LiveCall | undefined
    /** Ends a call. Returns the call as it was before, or undefined when no call has this id. */
    cancel(id: string): LiveCall | undefined
  }
  /** How the last calls ended. */
  readonly ended: EndedCalls
  /** `model`: a key, or `*` for all models. Returns the models that the operation changed. */
  pause(model: string, paused: boolean): readonly { readonly model: string }[]
  readonly history: { page(): Omit<HistoryPage, 'turns'>; window(model: string): WindowFigures }
  readonly turns: Pick<TurnHistory, 'list' | 'newest' | 'totals' | 'loadingShare'>
  readonly alerts: {
    /** The answer of `GET /queue/alerts`. */
    page(): unknown
    /** The alerts in the answer of `GET /health`. */
    brief(): readonly { readonly id: string; readonly level: string }[]
  }
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly dashboard: Dashboard
}

/** Answers `/dashboard`, the paths below it and `/queue/ticket/…`. Throws `not_found`. */
export type Dashboard = (c: Context) => Response | Promise<Response>
