import type { TurnSettings } from '../../src/admission/turns/contract.ts'
import { ALONE, type Contestant, type World } from './race.ts'
import { throughAdmission } from './through-admission.ts'
import type { TurnCall } from './workload.ts'

/** All contestants. */
export function contestants(settings: TurnSettings): Contestant[] {
  return [straight(), throughAdmission(undefined), throughAdmission(settings), strictOrder()]
}

/** Ollama alone: each call goes to Ollama as it arrives. */
function straight(): Contestant {
  return { name: ALONE, enter: (world) => (call) => world.send(call) }
}

/**
 * One line for all models, strictly in the order of arrival. The first call begins as soon as its model has a free slot;
 * while the model is not loaded, nobody behind that call begins.
 */
function strictOrder(): Contestant {
  return { name: 'arrival order', enter: (world) => new StrictOrder(world).arrive }
}

class StrictOrder {
  readonly #world: World
  readonly #line: TurnCall[] = []
  readonly #active = new Map<string, number>()
  #loading = false

  constructor(world: World) {
    this.#world = world
  }

  readonly arrive = (call: TurnCall): void => {
    this.#line.push(call)
    this.#pump()
  }

  #pump(): void {
    const { clock, engine, machine } = this.#world
    for (let call = this.#line[0]; call && !this.#loading; call = this.#line[0]) {
      const active = this.#activeOf(call.model)
      if (active >= machine.slots) return
      const loaded = engine.loaded()
      const isLoaded = loaded.some(({ model }) => model === call.model)
      const hasRoom = loaded.length < machine.together || loaded.some(({ idle }) => idle)
      if (!isLoaded && !hasRoom) return
      this.#line.shift()
      this.#send(call)
      if (isLoaded) continue
      this.#loading = true
      clock.after(machine.loadMs, () => {
        this.#loading = false
        this.#pump()
      })
    }
  }

  #send(call: TurnCall): void {
    this.#active.set(call.model, this.#activeOf(call.model) + 1)
    this.#world.send(call, {
      done: () => {
        this.#active.set(call.model, this.#activeOf(call.model) - 1)
        this.#pump()
      },
    })
  }

  #activeOf(model: string): number {
    return this.#active.get(model) ?? 0
  }
}
