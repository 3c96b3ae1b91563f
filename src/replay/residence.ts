import { LOAD_MS } from '../admission/contract.ts'
import type { Recording } from './recording.ts'
import { loadPartOf, ran } from './recording.ts'

/** OLLAMA_KEEP_ALIVE, as Ollama is installed. */
const KEEP_ALIVE_MS = 300_000
/** Two calls that overlap by less may have followed each other: the times of a log are rounded. */
const LEAST_OVERLAP_MS = 100
/** Sets of models that are remembered. A machine has few. */
const MOST_SETS = 100

/** A time in which a model was in memory. Milliseconds since 1970. */
interface Stay {
  readonly model: string
  readonly from: number
  to: number
}

/** What the calls of a recording tell of the memory of the machine. */
export interface Residence {
  /** Models that were in memory at once: the largest such sets. */
  readonly together: readonly (readonly string[])[]
  /** The longest time without a call after which a model was still in memory; at least Ollama's default. */
  readonly keepAliveMs: number
  /** Models whose first call found them loaded, in the order of these calls. */
  readonly loadedFirst: readonly string[]
  /** Models that Ollama did not load again for another num_ctx. */
  readonly contextFree: ReadonlySet<string>
}

/**
 * Reads from the load times where a model has stayed in memory: a call that tells of no load finds its model where the
 * call before it left the model. `order`: the numbers of the calls in the order of their grants.
 */
export function residenceIn(recording: Recording, order: Uint32Array): Residence {
  const stays: Stay[] = []
  const last = new Map<string, { readonly stay: Stay; readonly numCtx: number | undefined }>()
  const loadedFirst: string[] = []
  const contextFree = new Set<string>()
  let keepAliveMs = KEEP_ALIVE_MS
  for (const index of order) {
    const call = recording.at(index)
    if (!ran(call) || !call.served) continue
    const { model, numCtx, loadMs } = call
    // Within a stream, the model computes from the first byte on for certain. Before it, Ollama may have loaded.
    const to = call.arrivedAt + call.waitMs + loadPartOf(loadMs) + call.heldMs
    const from = to - call.heldMs + (loadMs === 0 ? Math.min(call.firstByteMs, call.heldMs) : 0)
    const before = last.get(model)
    const findsItLoaded = loadMs > 0 && loadMs < LOAD_MS
    if (before === undefined && loadMs < LOAD_MS) loadedFirst.push(model)
    if (before !== undefined && findsItLoaded && before.numCtx !== numCtx) contextFree.add(model)
    let stay = before?.stay
    if (stay !== undefined && (findsItLoaded || (loadMs === 0 && from <= stay.to))) {
      keepAliveMs = Math.max(keepAliveMs, from - stay.to)
      stay.to = Math.max(stay.to, to)
    } else {
      stay = { model, from, to }
      stays.push(stay)
    }
    last.set(model, { stay, numCtx })
  }
  const together = setsIn(stays)
  return { together, keepAliveMs, loadedFirst, contextFree }
}

/** The largest sets of models whose stays overlap. */
function setsIn(stays: readonly Stay[]): string[][] {
  let sets: ReadonlySet<string>[] = []
  let open: Stay[] = []
  for (const stay of stays.toSorted((a, b) => a.from - b.from)) {
    open = open.filter((each) => each.to - stay.from >= LEAST_OVERLAP_MS)
    if (stay.to - stay.from >= LEAST_OVERLAP_MS) open.push(stay)
    const set = new Set(open.map(({ model }) => model))
    if (set.size < 2 || sets.some((known) => isSubset(set, known))) continue
    sets = [...sets.filter((known) => !isSubset(known, set)), set].slice(-MOST_SETS)
  }
  return sets.map((set) => [...set].sort())
}

export function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size > b.size) return false
  for (const each of a) if (!b.has(each)) return false
  return true
}
