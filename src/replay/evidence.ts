import { LOAD_MS } from '../admission/contract.ts'
import { isCloudKey } from '../ollama/model-name.ts'
import type { RecordedCall, Recording } from './recording.ts'
import { loadPartOf, ran } from './recording.ts'
import { type Residence, residenceIn } from './residence.ts'

/** A load of which nothing is known. A model of some gigabytes takes so long from a fast disk. */
export const UNKNOWN_LOAD_MS = 5_000
/** A shorter wait can be the way of a call through a busy process. */
const LEAST_WAIT_MS = 5
/** Calls of a model that must have waited before the number of calls beside them is taken for the number of slots. */
const LEAST_WAITS = 5
/**
 * Which of these numbers is taken, in order. A few are too high: a call can seem to begin before the call that made room
 * ended, because a log does not tell how long a body took to come. Many are too low where the model waited for its turn.
 */
const CHOSEN = 0.75

/** What a recording tells of the machine and of its calls. */
export interface Evidence extends Residence {
  /** The numbers of the calls in the order of their arrival. */
  readonly order: Uint32Array
  /** Slots of a model: the calls of one model that ran while others waited for it. Undefined: too few waited. */
  readonly parallel: number | undefined
  /** Milliseconds that a load of each model took: the middle one of those that the calls tell. */
  readonly loadMs: ReadonlyMap<string, number>
  /** Models that were called for embeddings alone. Ollama runs one such call at a time. */
  readonly embeddings: ReadonlySet<string>
  /** Names for which Ollama has no model. */
  readonly missing: ReadonlySet<string>
  /** Loads that the calls tell of. */
  readonly loads: number
  /** A call that ran, whose time in the slot stands for that of a call which did not run. Undefined: no call ran. */
  standInFor(index: number): RecordedCall | undefined
}

export function evidenceIn(recording: Recording): Evidence {
  const order = recording.byArrival()
  const byGrant = recording.byGrant()
  return {
    order,
    ...residenceIn(recording, byGrant),
    ...concurrencyIn(recording, order, byGrant),
    ...loadsIn(recording, byGrant),
    embeddings: modelsOf(
      recording,
      () => true,
      ({ embeds }) => embeds,
    ),
    missing: modelsOf(recording, ran, ({ missing }) => missing),
    standInFor: standIns(recording, order),
  }
}

/** The calls of one model that run, and how many ran whenever a call came that had to wait. */
interface Concurrency {
  running: number
  readonly beside: number[]
}

function concurrencyIn(recording: Recording, order: Uint32Array, byGrant: Uint32Array) {
  const models = new Map<string, Concurrency>()
  const of = (model: string) => {
    const known = models.get(model) ?? { running: 0, beside: [] }
    models.set(model, known)
    return known
  }
  const byEnd = byGrant.toSorted((a, b) => endOf(recording.at(a)) - endOf(recording.at(b)) || a - b)
  const begins = walk(recording, byGrant, ({ arrivedAt, waitMs }) => arrivedAt + waitMs)
  const ends = walk(recording, byEnd, endOf)
  for (const index of order) {
    const call = recording.at(index)
    if (call.waitMs < LEAST_WAIT_MS || isCloudKey(call.model)) continue
    begins(call.arrivedAt, (model) => of(model).running++)
    ends(call.arrivedAt, (model) => of(model).running--)
    const { running, beside } = of(call.model)
    if (running > 0) beside.push(running)
  }
  const full = [...models.values()].filter(({ beside }) => beside.length >= LEAST_WAITS)
  const numbers = full.map(({ beside }) => {
    beside.sort((a, b) => a - b)
    return beside[Math.floor(CHOSEN * beside.length)] ?? 1
  })
  return { parallel: numbers.length === 0 ? undefined : Math.max(...numbers) }
}

/** Goes through the calls that ran, in this order, up to a time that never goes back. */
function walk(recording: Recording, order: Uint32Array, timeOf: (call: RecordedCall) => number) {
  let next = 0
  return (until: number, each: (model: string) => void): void => {
    for (; next < order.length; next++) {
      const call = recording.at(order[next] ?? 0)
      if (timeOf(call) > until) return
      if (ran(call)) each(call.model)
    }
  }
}

function endOf({ arrivedAt, waitMs, loadMs, heldMs }: RecordedCall): number {
  return arrivedAt + waitMs + loadPartOf(loadMs) + heldMs
}

/** Several calls can wait for one load. `byGrant`: the first of them comes first. */
function loadsIn(recording: Recording, byGrant: Uint32Array) {
  const all = new Map<string, { readonly loadMs: number[]; loadedAt: number }>()
  for (const index of byGrant) {
    const { arrivedAt, waitMs, model, loadMs } = recording.at(index)
    if (loadMs < LOAD_MS) continue
    const its = all.get(model) ?? { loadMs: [], loadedAt: Number.NEGATIVE_INFINITY }
    all.set(model, its)
    const sentAt = arrivedAt + waitMs
    if (sentAt < its.loadedAt) continue
    its.loadMs.push(loadMs)
    its.loadedAt = sentAt + loadMs
  }
  const loads = [...all.values()].reduce((sum, { loadMs }) => sum + loadMs.length, 0)
  return { loads, loadMs: new Map(Array.from(all, ([model, { loadMs }]) => [model, middle(loadMs)])) }
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? UNKNOWN_LOAD_MS
}

/** The models of which all calls that count are so. */
function modelsOf(
  recording: Recording,
  counts: (call: RecordedCall) => boolean,
  isSo: (call: RecordedCall) => boolean,
): Set<string> {
  const all = new Map<string, boolean>()
  for (let index = 0; index < recording.length; index++) {
    const call = recording.at(index)
    if (counts(call)) all.set(call.model, isSo(call) && all.get(call.model) !== false)
  }
  return new Set([...all].filter(([, each]) => each).map(([model]) => model))
}

/** Any number without a common factor: neighbours that did not run get times from all over the recording. */
const STRIDE = 7_919

/** A call that did not run takes the time of a call of its model that did, or of any call where its model never ran. */
function standIns(recording: Recording, order: Uint32Array): Evidence['standInFor'] {
  const done = new Map<string, number[]>()
  const all: number[] = []
  for (const index of order) {
    const call = recording.at(index)
    if (call.end !== 'done' || !call.served) continue
    all.push(index)
    const its = done.get(call.model)
    if (its === undefined) done.set(call.model, [index])
    else its.push(index)
  }
  return (index) => {
    const from = done.get(recording.at(index).model) ?? all
    const chosen = from[(index * STRIDE) % from.length]
    return chosen === undefined ? undefined : recording.at(chosen)
  }
}
