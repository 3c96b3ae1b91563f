import {
  ALL_CLOUD_MODELS,
  CLOUD,
  type LaneView,
  type RunnerFacts,
  type Runners,
} from '../admission/contract.ts'
import { forcedSlots } from '../ollama/forced-slots.ts'
import { isCloudKey, parseModelName } from '../ollama/model-name.ts'
import { changesModels } from '../ollama/routes.ts'
import type { PassedRequest } from '../relay/contract.ts'
import type { Log } from '../telemetry/call-log.ts'
import type { Catalog } from '../upstream/catalog.ts'
import type { CatalogModel } from '../upstream/catalog-model.ts'
import { MOST_MODELS } from '../upstream/library.ts'

const CLOUD_FACTS: RunnerFacts = { runner: CLOUD }

/** Digits of a digest in a runner's id, as `ollama list` shows a digest. */
const SHOWN_DIGITS = 12

/** The runners behind the models of a catalog. */
export function runnersOf(catalog: Pick<Catalog, 'models' | 'refresh' | 'wants'>): Runners {
  return {
    get complete() {
      // Of a longer list the rest was not read.
      return catalog.models !== undefined && catalog.models.size < MOST_MODELS
    },
    find(model) {
      // Most models of ollama.com are in no list.
      if (isCloudKey(model)) return CLOUD_FACTS
      const known = catalog.models?.get(model)
      return known && factsOf(known)
    },
    opened(model) {
      if (catalog.models?.has(model)) catalog.wants(model)
      else if (!isCloudKey(model)) void catalog.refresh()
    },
  }
}

function factsOf(model: CatalogModel): RunnerFacts {
  if (model.remote) return CLOUD_FACTS
  return { runner: model.weights && shownId(model.weights), forced: forcedSlots(model)?.reason }
}

/** The weights as `sha256-` and twelve digits. A text without a digest gets a mark: a modelfile can say FROM cloud. */
function shownId(weights: string): string {
  const digest = /^sha256-([0-9a-f]{64})$/.exec(weights)?.[1]
  return digest === undefined ? `file:${weights}` : `sha256-${digest.slice(0, SHOWN_DIGITS)}`
}

/** The key of a model for any spelling of its name, or the name that stands for all cloud models. */
export function modelKeyOf(name: string): string | undefined {
  return name === ALL_CLOUD_MODELS ? name : parseModelName(name)?.key
}

/** Whether Ollama may have other models after a request than before it. */
export function hasChangedModels({ path, status, ending }: PassedRequest): boolean {
  return changesModels(path) && status < 400 && ending === 'done'
}

/** Tells the log why there is no catalog. */
export function logNoCatalog(log: Pick<Log, 'warn'>, problem: string): void {
  log.warn(`${problem}; each model name has slots of its own`)
}

/** Tells the log how many calls at once Ollama was seen to run. */
export function logMeasured(log: Pick<Log, 'info' | 'warn'>): (lane: LaneView) => void {
  return ({ names, runner, limits, effective, runsFewer }) => {
    const fields = {
      models: names.join(','),
      runner,
      parallel_limit: limits.parallel,
      effective_limit: effective.parallel,
      limit_reason: effective.reason,
    }
    if (runsFewer !== undefined)
      log.warn(`Ollama runs ${runsFewer} of these calls at once: set parallel_limit to ${runsFewer}`, fields)
    else if (effective.reason === 'measured')
      log.info(`Ollama runs ${effective.parallel} of these calls at once, so no more are sent`, fields)
    else log.info('the number of calls that Ollama runs at once is learned anew', fields)
  }
}
