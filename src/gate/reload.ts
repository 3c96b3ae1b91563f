import type { LocalAdmission } from '../admission/local-admission.ts'
import { type Changes, changesBetween, type ReloadResult } from '../config/changes.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../config/problem.ts'
import type { Config } from '../config/schema.ts'
import type { Log } from '../telemetry/call-log.ts'
import { keysOf } from './caller-settings.ts'
import type { Callers } from './callers.ts'
import { fairSettings } from './fair-settings.ts'
import { applyLimits } from './model-limits.ts'
import type { RunningMonitor } from './monitor.ts'
import { turnSettings } from './turn-settings.ts'

/** What a process brings so that its configuration can be read again. */
export interface Reloading {
  /** Reads the current configuration. @throws ConfigError with every problem. */
  readonly read: () => LoadedConfig
  readonly setLogLevel: (level: Config['log_level']) => void
  /** The number of slots for a setting. `auto` depends on the memory that is available now. Never rejects. */
  readonly slotsPerModel: (configured: Config['ollama_num_parallel']) => Promise<number>
}

/** The configuration in force. Only a reload replaces it. */
export interface InForce {
  loaded: LoadedConfig
}

export interface ReloaderParts {
  readonly inForce: InForce
  readonly read: Reloading['read']
  /** Applies the changes since `before`. */
  readonly apply: (changes: Changes, before: LoadedConfig) => Promise<void>
  /** True once no change is allowed any more. */
  readonly draining: () => boolean
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
}

/** Reads the configuration again and replaces the one in force. */
export class Reloader {
  readonly #parts: ReloaderParts
  #underWay: Promise<ReloadResult> | undefined
  #next: Promise<ReloadResult> | undefined

  constructor(parts: ReloaderParts) {
    this.#parts = parts
  }

  /**
   * Reads the configuration and applies the changes, one reading at a time. Requests during a reading share the next
   * reading, so that no result is older than the request for it.
   */
  reload(): Promise<ReloadResult> {
    if (!this.#underWay) return this.#next ?? this.#begin()
    const begin = () => this.#begin()
    this.#next ??= this.#underWay.then(begin, begin)
    return this.#next
  }

  #begin(): Promise<ReloadResult> {
    this.#next = undefined
    this.#underWay = this.#read().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #read(): Promise<ReloadResult> {
    const { apply, draining, inForce, log, read } = this.#parts
    if (draining()) {
      log.info('the configuration is not read again: the proxy is draining')
      return { status: 'draining' }
    }
    const before = inForce.loaded
    let now: LoadedConfig
    try {
      now = read()
    } catch (error) {
      if (error instanceof ConfigError) return this.#refuse(error.problems)
      throw error
    }
    const { configFile } = before
    if (configFile !== null && now.configFile === null)
      return this.#refuse([{ where: configFile, key: null, message: 'is gone' }])
    const changes = changesBetween(before, now)
    await apply(changes, before)
    inForce.loaded = changes.effective
    const { applied, needsRestart } = changes
    const known = before.warnings.map(formatProblem)
    for (const warning of now.warnings.map(formatProblem)) if (!known.includes(warning)) log.warn(warning)
    if (applied.length > 0) log.info('configuration read again', { applied: applied.join(',') })
    else log.info('configuration read again, nothing to apply')
    if (needsRestart.length > 0)
      log.warn('settings changed that need a restart', { needs_restart: needsRestart.join(',') })
    return { status: 'reloaded', applied, needsRestart }
  }

  #refuse(problems: readonly Problem[]): ReloadResult {
    const list = problems.map(formatProblem).join('; ')
    this.#parts.log.error(`the configuration cannot be read, nothing changed: ${list}`)
    return { status: 'invalid', problems }
  }
}

export interface Changeable extends Omit<Reloading, 'read'> {
  readonly callers: Pick<Callers, 'reconfigure'>
  readonly admission: Pick<
    LocalAdmission,
    'callersChanged' | 'clearOverrides' | 'configure' | 'orderTurns' | 'share'
  >
  readonly monitor: Pick<RunningMonitor, 'reconfigure'>
}

/** The settings of how slots are shared. */
const FAIRNESS = ['fairness', 'classes', 'reserve'] as const

/** Applies changed settings. Each message reads the language in force, and each call the rules of class_from. */
export async function applyChanges(
  { admission, callers, monitor, setLogLevel, slotsPerModel }: Changeable,
  { applied, effective: { config } }: Changes,
  before: LoadedConfig,
): Promise<void> {
  // An "auto" that was "auto" before keeps the figure of the start, or the figure that an operator has set since.
  const parallel = applied.includes('ollama_num_parallel')
    ? await slotsPerModel(config.ollama_num_parallel)
    : undefined
  applyLimits(admission, {
    before: before.config.models,
    after: config.models,
    defaults: {
      ...(parallel !== undefined && { parallel }),
      ...(applied.includes('ollama_max_queue') && { queue: config.ollama_max_queue }),
    },
    auto: config.ollama_num_parallel === 'auto',
  })
  if (applied.includes('turns') || applied.includes('turn')) admission.orderTurns(turnSettings(config))
  if (FAIRNESS.some((key) => applied.includes(key))) admission.share(fairSettings(config))
  callers.reconfigure(config)
  const limits = new Map(keysOf(config).map((key) => [key.name, key.limits]))
  admission.callersChanged((id) => limits.get(id))
  monitor.reconfigure(config)
  if (applied.includes('log_level')) setLogLevel(config.log_level)
}

interface ReloadParts extends Reloading, Pick<ReloaderParts, 'inForce' | 'log'> {
  readonly admission: LocalAdmission
  readonly callers: Callers
  readonly monitor: RunningMonitor
}

/** The reload of a proxy whose lanes are in this process. */
export function createReload(parts: ReloadParts): () => Promise<ReloadResult> {
  const reloader = new Reloader({
    ...parts,
    apply: (changes, before) => applyChanges(parts, changes, before),
    draining: () => parts.admission.closed,
  })
  return () => reloader.reload()
}
