import { LOAD_MS } from '../admission/contract.ts'
import { isCloudKey } from '../ollama/model-name.ts'
import type { RecordedCall, Recording } from './recording.ts'
import { ran } from './recording.ts'
import { type Residence, residenceIn } from './residence.ts'

/** A load of which nothing is known. A model of some gigabytes takes so long from a fast disk. */
export const UNKNOWN_LOAD_MS = 5_000
/** A shorter wait can be the way of a call through a busy process. */
const LEAST_WAIT_MS = 5
/** Calls that must have waited beside so many running ones before their number is taken for the number of slots. */
const LEAST_WAITS = 3
/** The moments of a log are whole milliseconds, so a call can seem to begin before the call that made room ended. */
const BLUR_MS = 2

/** What a recording tells of the machine and of its calls. */
export interface Evidence extends Residence {
  /** The numbers of the calls in the order of their arrival. */
  readonly order: Uint32Array
  /** Slots of a model: the most calls of one model that ran at once while others waited. Undefined: nothing waited. */
  readonly parallel: number | undefined
  /** The most calls of one model that ran at once. */
  readonly mostAtOnce: number
  /** Milliseconds that a load of each model took: the middle one of those that the calls tell. */
  readonly loadMs: ReadonlyMap<string, number>
  /** Models that were called for embeddings alone. Ollama runs one such call at a time. */
  readonly embeddings: ReadonlySet<string>
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
    ...loadsIn(recording, order),
    embeddings: embeddingsIn(recording),
    standInFor: standIns(recording, order),
  }
}

/** How many calls of a model run. */
class Concurrency {
  running = 0
  most = 0
  /** Calls that waited beside `most` running calls. */
  waits = 0
}

/** The limit shows where calls wait while the most of a model run that ever ran. */
function concurrencyIn(recording: Recording, order: Uint32Array, byGrant: Uint32Array) {
  const models = new Map<string, Concurrency>()
  const of = (model: string) => {
    const known = models.get(model) ?? new Concurrency()
    models.set(model, known)
    return known
  }
  const ends = byGrant.toSorted((a, b) => endOf(recording.at(a)) - endOf(recording.at(b)) || a - b)
  let [ended, granted] = [0, 0]
  const runTo = (at: number) => {
    for (; granted < byGrant.length; granted++) {
      const call = recording.at(byGrant[granted] ?? 0)
      const grantedAt = call.arrivedAt + call.waitMs
      if (grantedAt > at) break
      endTo(grantedAt)
      if (!counts(call)) continue
      const its = of(call.model)
      its.running++
      if (its.running > its.most) Object.assign(its, { most: its.running, waits: 0 })
    }
    endTo(at)
  }
  const endTo = (at: number) => {
    for (; ended < ends.length; ended++) {
      const call = recording.at(ends[ended] ?? 0)
      if (endOf(call) - BLUR_MS > at) break
      if (counts(call)) of(call.model).running--
    }
  }
  for (const index of order) {
    const call = recording.at(index)
    if (call.waitMs < LEAST_WAIT_MS || isCloudKey(call.model)) continue
    runTo(call.arrivedAt)
    const its = of(call.model)
    if (its.running > 0 && its.running === its.most) its.waits++
  }
  runTo(Number.POSITIVE_INFINITY)
  const all = [...models.values()]
  const full = all.filter(({ waits }) => waits >= LEAST_WAITS)
  return {
    parallel: full.length === 0 ? undefined : Math.max(...full.map(({ most }) => most)),
    mostAtOnce: Math.max(1, ...all.map(({ most }) => most)),
  }
}

function counts(call: RecordedCall): boolean {
  return ran(call) && !isCloudKey(call.model)
}

function endOf({ arrivedAt, waitMs, loadMs, heldMs }: RecordedCall): number {
  return arrivedAt + waitMs + loadMs + heldMs
}

function loadsIn(recording: Recording, order: Uint32Array) {
  const all = new Map<string, number[]>()
  for (const index of order) {
    const { model, loadMs } = recording.at(index)
    if (loadMs < LOAD_MS) continue
    const its = all.get(model)
    if (its === undefined) all.set(model, [loadMs])
    else its.push(loadMs)
  }
  const loads = [...all.values()].reduce((sum, its) => sum + its.length, 0)
  const loadMs = new Map(Array.from(all, ([model, its]) => [model, middle(its)]))
  return { loads, loadMs }
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? UNKNOWN_LOAD_MS
}

function embeddingsIn(recording: Recording): Set<string> {
  const only = new Map<string, boolean>()
  for (let index = 0; index < recording.length; index++) {
    const { model, embeds } = recording.at(index)
    only.set(model, embeds && only.get(model) !== false)
  }
  return new Set([...only].filter(([, embeds]) => embeds).map(([model]) => model))
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
