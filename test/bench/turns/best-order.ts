import type { BoundCall, BoundMachine } from '../../../bench/turns/lower-bound.ts'

/** A model in memory. Clock milliseconds. */
interface Resident {
  readonly model: string
  /** When each slot is free. */
  readonly freeAt: readonly number[]
}

interface State {
  readonly residents: readonly Resident[]
  /** Loads do not overlap. */
  readonly loaderFreeAt: number
  readonly endsAt: number
}

/**
 * The end of the best of all schedules, by trying all of them: each order of the calls, and each choice of the model
 * that leaves. Loads may begin before the call arrives that they are for, but not before its model was first called.
 */
export function bestEnd(calls: readonly BoundCall[], machine: BoundMachine): number {
  const firstAt = new Map<string, number>()
  for (const { model, atMs } of calls)
    firstAt.set(model, Math.min(atMs, firstAt.get(model) ?? Number.POSITIVE_INFINITY))

  const endOf = (state: State, left: readonly BoundCall[]): number => {
    if (left.length === 0) return state.endsAt
    const ends = left.flatMap((call) =>
      next(state, call).map((after) =>
        endOf(
          after,
          left.filter((each) => each !== call),
        ),
      ),
    )
    return Math.min(...ends)
  }

  /** All states in which this call can be the next one. */
  const next = (state: State, call: BoundCall): State[] => {
    const own = state.residents.find(({ model }) => model === call.model)
    if (own) return [served(state, own, call)]
    const victims = state.residents.length < machine.together ? [undefined] : state.residents
    return victims.map((victim) => {
      const emptyAt = Math.max(state.loaderFreeAt, ...(victim?.freeAt ?? []), firstAt.get(call.model) ?? 0)
      const loadedAt = emptyAt + machine.loadMs(call.model)
      const loaded: Resident = { model: call.model, freeAt: Array(machine.slots).fill(loadedAt) }
      const stay = state.residents.filter((each) => each !== victim)
      return served({ ...state, residents: [...stay, loaded], loaderFreeAt: loadedAt }, loaded, call)
    })
  }

  return endOf({ residents: [], loaderFreeAt: 0, endsAt: 0 }, calls)
}

function served(state: State, resident: Resident, call: BoundCall): State {
  const [first = 0, ...others] = resident.freeAt.toSorted((a, b) => a - b)
  const end = Math.max(first, call.atMs) + call.serviceMs
  const after = { model: resident.model, freeAt: [...others, end] }
  const residents = state.residents.map((each) => (each === resident ? after : each))
  return { ...state, residents, endsAt: Math.max(state.endsAt, end) }
}
