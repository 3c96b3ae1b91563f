import type { Clock } from '../clock.ts'
import { parseModelName } from '../ollama/model-name.ts'
import type { UpstreamQuestion } from './asking.ts'
import { fieldsOf, MOST_NAME, parsed, textOf } from './library.ts'

/** A model in memory, as /api/ps tells it. */
export interface ModelInMemory {
  /** Key of the name for which the model was loaded. */
  readonly model: string
  /** Clock milliseconds at which Ollama would unload the model; can lie in the past. Undefined: never, or not told. */
  readonly expiresAt: number | undefined
}

/** The list of the models in memory. A row has about 500 bytes. Ollama answers from memory, within milliseconds. */
export const PS: UpstreamQuestion = {
  method: 'GET',
  path: '/api/ps',
  mostBytes: 1024 * 1024,
  timeoutMs: 2_000,
}

/** No machine holds as many models. */
const MOST_LOADED = 1_000
/** Characters of a time. The longest that Go writes has 35. */
const MOST_TIME = 64
/** Ollama writes a date in 292 years for "never", and Go writes the year 1 for a time that is not set. */
const FAR_MS = 50 * 365 * 24 * 60 * 60 * 1_000

/**
 * Reads an answer to PS. Undefined: no list of the models in memory. One row without a readable name spoils the list:
 * if the row were left out, its model would seem to have left memory. A model on ollama.com is left out, since it is in
 * no memory here.
 *
 * Two rows can have one name: the name got other weights, and the runner of the old weights is still there. They become
 * one model with the later of the two times.
 */
export function readPs(text: string, clock: Clock): ModelInMemory[] | undefined {
  const { models } = fieldsOf(parsed(text))
  // Go can write an empty list as null.
  if (models === null) return []
  if (!Array.isArray(models) || models.length > MOST_LOADED) return undefined
  const list = new Map<string, ModelInMemory>()
  for (const row of models) {
    const fields = fieldsOf(row)
    const name = parseModelName(textOf(fields.name, MOST_NAME) || textOf(fields.model, MOST_NAME))
    if (name === undefined) return undefined
    if (name.cloud) continue
    const found = { model: name.key, expiresAt: clockTimeIn(textOf(fields.expires_at, MOST_TIME), clock) }
    const other = list.get(name.key)
    list.set(name.key, other === undefined ? found : later(found, other))
  }
  return [...list.values()]
}

function later(one: ModelInMemory, other: ModelInMemory): ModelInMemory {
  const end = ({ expiresAt = Number.POSITIVE_INFINITY }: ModelInMemory) => expiresAt
  return end(one) >= end(other) ? one : other
}

/** A time of RFC 3339, with any number of digits after the second. */
const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** Undefined for a text that is no time, and for a time that is 50 years away. */
function clockTimeIn(text: string, clock: Clock): number | undefined {
  // RFC 3339 allows small letters.
  const [, date, time, fraction = '', zone] = TIME.exec(text.toUpperCase()) ?? []
  // The language promises that Date.parse reads three digits after the second, and no more.
  const at = Date.parse(`${date}T${time}.000${zone}`) + Number(`0${fraction}`) * 1_000
  const inMs = at - clock.wallTime()
  return Math.abs(inMs) < FAR_MS ? clock.now() + inMs : undefined
}
