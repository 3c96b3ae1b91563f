import type { Context } from 'hono'
import { Refusal } from '../admission/refusal.ts'
import type { Budgets } from '../callers/budgets.ts'
import type { Crypto } from '../callers/crypto.ts'
import { Identity } from '../callers/identity.ts'
import { allowsModel } from '../callers/permissions.ts'
import type { UsageRecord } from '../callers/usage-lines.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { Access } from '../http/access.ts'
import type { Peer } from '../http/peer.ts'
import type { FinishedCall, Requester } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import { accessSettings, identitySettings, viewersOf } from './caller-settings.ts'

/** What callers have used. */
export interface Usage {
  readonly budgets: Budgets
  /** Keeps a record of a call. */
  add(record: UsageRecord): void
}

export interface CallerParts {
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  readonly crypto: Crypto
  /** The configuration in force. */
  readonly config: () => Config
  /** This machine's name. */
  readonly hostname: string
  readonly peer: (c: Context) => Peer
  readonly isAdmin: (c: Context) => boolean
  readonly usage: Usage
}

/** Who is calling, and what they may do. */
export class Callers {
  readonly access: Access
  readonly #parts: CallerParts
  readonly #identity: Identity
  #settings: ReturnType<typeof accessSettings>
  #viewers: string

  constructor(parts: CallerParts) {
    const { clock, config, crypto } = parts
    this.#parts = parts
    this.#settings = accessSettings(config())
    this.#viewers = viewersOf(config())
    this.#identity = new Identity({ clock, crypto }, identitySettings(config()))
    this.access = new Access({ ...parts, settings: () => this.#settings, identity: this.#identity })
  }

  /**
   * Applies a configuration that was read again. Calls that run keep what they have. Clients that follow the queue have to
   * show their key again where the configuration may have changed who may view.
   */
  reconfigure(config: Config): void {
    this.#settings = accessSettings(config)
    this.#identity.update(identitySettings(config))
    this.#parts.usage.budgets.keep(new Set(Object.keys(config.keys)))
    const viewers = viewersOf(config)
    if (viewers !== this.#viewers) this.access.viewersChanged()
    this.#viewers = viewers
  }

  /** Why a caller may not have a call of this model. `model`: key; undefined for a call that names no model. */
  refuses({ caller: { key } }: Requester, model: string | undefined): Refusal | undefined {
    if (key === undefined) return undefined
    if (
      model !== undefined &&
      !allowsModel(key.models, model) &&
      this.access.refusesCall('model_not_allowed')
    )
      return new Refusal('model_not_allowed', { model })
    const now = this.#parts.clock.wallTime()
    const spent = this.#parts.usage.budgets.spent(key, now)
    if (spent === undefined || !this.access.refusesCall('insufficient_quota')) return undefined
    const { resetsAt, window } = spent
    return new Refusal('insufficient_quota', { model, window, retryAfterMs: resetsAt - now })
  }

  /** A call is over. A call that ran is charged to its caller, however it ended. */
  finished(call: FinishedCall): void {
    const { caller, key, model, outcome, requestId, slotMs, tokensIn, user } = call
    if (outcome === 'refused' && slotMs === 0) return
    // A stream whose end does not tell has at least a token in each of its parts.
    const tokensOut = call.tokensOut ?? call.parts
    const { clock, usage } = this.#parts
    const at = clock.wallTime()
    const tokens = (tokensIn ?? 0) + (tokensOut ?? 0)
    if (key !== null) usage.budgets.charge({ key: { name: key }, slotMs, tokens, at })
    const figures = { model, slotMs, tokensIn, tokensOut, id: requestId }
    usage.add({ at, caller, key: key !== null, user, ...figures })
  }
}
