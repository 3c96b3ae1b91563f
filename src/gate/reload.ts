import type { LocalAdmission } from '../admission/local-admission.ts'
import { type Changes, changesBetween } from '../config/changes.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../config/problem.ts'
import type { Config } from '../config/schema.ts'
import type { ReloadResult } from '../http/routes/reload.ts'
import type { Log } from '../telemetry/call-log.ts'
import { applyLimits } from './model-limits.ts'
import type { RunningMonitor } from './monitor.ts'

/** What a process brings whose configuration can be read again. */
export interface Reloading {
  /** The configuration as it stands now. Throws a ConfigError with every problem. */
  readonly read: () => LoadedConfig
  readonly setLogLevel: (level: Config['log_level']) => void
  /** What a setting of slots comes to now. Never rejects. */
  readonly slotsPerModel: (configured: Config['ollama_num_parallel']) => Promise<number>
}

export interface ReloaderParts {
  /** What the proxy started with. */
  readonly loaded: LoadedConfig
  readonly read: Reloading['read']
  /** Puts in force what has changed since `before`. */
  readonly apply: (changes: Changes, before: LoadedConfig) => Promise<void>
  /** True when nothing is to be changed any more. */
  readonly draining: () => boolean
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
}

/** Knows which configuration is in force, and reads it again when it is asked to. */
export class Reloader {
  readonly #parts: ReloaderParts
  #inForce: LoadedConfig
  #underWay: Promise<ReloadResult> | undefined
  #next: Promise<ReloadResult> | undefined

  constructor(parts: ReloaderParts) {
    this.#parts = parts
    this.#inForce = parts.loaded
  }

  get inForce(): LoadedConfig {
    return this.#inForce
  }

  /**
   * Reads the configuration and takes over what changed, one reading at a time. Those who ask while one is under way
   * share the one after it, so that what they get is never older than their question.
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
    const { apply, draining, log, read } = this.#parts
    if (draining()) {
      log.info('the configuration is not read again: the proxy is draining')
      return { status: 'draining' }
    }
    const before = this.#inForce
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
    this.#inForce = changes.effective
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
  readonly admission: Pick<LocalAdmission, 'configure' | 'clearOverrides'>
  readonly monitor: Pick<RunningMonitor, 'reconfigure'>
}

/** Hands what changed to those who live by it. The language is asked for anew with each message. */
export async function putInForce(
  { admission, monitor, setLogLevel, slotsPerModel }: Changeable,
  { applied, effective: { config } }: Changes,
  before: LoadedConfig,
): Promise<void> {
  // "auto" that was "auto" before keeps the figure of the start, or the one that an operator set since.
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
  })
  monitor.reconfigure(config)
  if (applied.includes('log_level')) setLogLevel(config.log_level)
}
