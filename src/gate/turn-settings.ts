import type { TurnSettings } from '../admission/turns/contract.ts'
import type { Config } from '../config/schema.ts'
import { modelKeyOf } from './runners.ts'

/** How turns are ordered, from the configuration. Two spellings of one name are one model. */
export function turnSettings({ turn, turns }: Pick<Config, 'turn' | 'turns'>): TurnSettings {
  return {
    ordered: turns === 'auto',
    maxWaitMs: turn.max_wait * 1_000,
    maxSwitching: turn.max_switching / 100,
    together: turn.together.map((names) => [...new Set(names.map((name) => modelKeyOf(name) ?? name))]),
  }
}
