import type { SeenModel } from '../admission/turns/contract.ts'
import type { Clock } from '../clock.ts'

/** What replay knows of the machine that Ollama runs on. Times in milliseconds. */
export interface MachineFacts {
  /** Whether all of these models, each named once, fit into memory together. */
  fits(models: readonly string[]): boolean
  loadMs(model: string): number
  /** Ollama unloads a model after so long without a call. */
  readonly keepAliveMs: number
  /** Models in memory at the begin. */
  readonly loadedFirst: readonly string[]
}

interface OllamaMachineParts {
  readonly clock: Clock
  readonly facts: MachineFacts
  /** Slots of a model. */
  slotsOf(model: string): number
  /** Slots that count as there while no model is in memory. */
  readonly leastSlots: number
}

/** A call as Ollama has it. */
export interface MachineCall {
  readonly model: string
  /** Ollama loads a model again for other options. */
  readonly options: string
  /** The runner begins to compute. `loadMs`: for so long the call has waited for the load of its model. */
  begin(loadMs: number): void
}

/** A model in memory. */
interface Resident {
  readonly model: string
  readonly options: string
  running: number
  /** Clock milliseconds since which no call runs. */
  idleSince: number
}

interface Pending {
  readonly call: MachineCall
  readonly sentAt: number
}

/**
 * A small Ollama in virtual time: which models are in memory, one load at a time, and what leaves for it. As in Ollama, a
 * call of a loaded model begins at once, also while another call waits for room, and a model leaves when its last call is
 * over.
 */
export class OllamaMachine {
  /** Loads so far. */
  loads = 0
  readonly #parts: OllamaMachineParts
  readonly #residents: Resident[] = []
  #pending: Pending[] = []
  #loading: MachineCall | undefined
  readonly #running = new Map<MachineCall, Resident>()
  /** Slot milliseconds that there were, up to `#countedTo`. */
  #slotMs = 0
  #countedTo: number

  constructor(parts: OllamaMachineParts) {
    this.#parts = parts
    this.#countedTo = parts.clock.now()
    for (const model of parts.facts.loadedFirst) this.#add({ model, options: '' })
  }

  /** Slot milliseconds that there were: the slots of the models in memory, and at least those of one model. */
  get slotMs(): number {
    this.#count()
    return this.#slotMs
  }

  /** As /api/ps tells. */
  loaded(): SeenModel[] {
    this.#expire()
    const { keepAliveMs } = this.#parts.facts
    return this.#residents.map(({ model, running, idleSince }) => ({
      model,
      expiresAt: running > 0 ? undefined : idleSince + keepAliveMs,
    }))
  }

  send(call: MachineCall): void {
    this.#expire()
    const resident = this.#find(call)
    if (resident !== undefined) this.#begin(resident, call, 0)
    else {
      this.#pending.push({ call, sentAt: this.#now })
      this.#loadNext()
    }
  }

  /** The call is over, or its client has left. */
  end(call: MachineCall): void {
    const resident = this.#running.get(call)
    this.#running.delete(call)
    if (resident === undefined) this.#pending = this.#pending.filter((each) => each.call !== call)
    else if (--resident.running === 0) resident.idleSince = this.#now
    this.#loadNext()
  }

  get #now(): number {
    return this.#parts.clock.now()
  }

  #find({ model, options }: Pick<MachineCall, 'model' | 'options'>): Resident | undefined {
    return this.#residents.find((each) => each.model === model && each.options === options)
  }

  #begin(resident: Resident, call: MachineCall, loadMs: number): void {
    resident.running++
    this.#running.set(call, resident)
    call.begin(loadMs)
  }

  /** Ollama loads for the call that has waited longest, and for nobody else meanwhile. */
  #loadNext(): void {
    const [next] = this.#pending
    if (this.#loading !== undefined || next === undefined) return
    const { call } = next
    const leaving = this.#leavingFor(call)
    if (leaving.some(({ running }) => running > 0)) return
    for (const each of leaving) this.#remove(each)
    this.#loading = call
    this.#parts.clock.after(this.#parts.facts.loadMs(call.model), () => this.#loaded(call))
  }

  #loaded(call: MachineCall): void {
    this.#loading = undefined
    this.loads++
    const resident = this.#add(call)
    const its = this.#pending.filter((each) => this.#find(each.call) === resident)
    this.#pending = this.#pending.filter((each) => !its.includes(each))
    for (const each of its) this.#begin(resident, each.call, this.#now - each.sentAt)
    this.#loadNext()
  }

  /** The models that have to go: those without calls first, and of them the one that was called longest ago. */
  #leavingFor({ model }: MachineCall): Resident[] {
    const staying = this.#residents.filter((each) => each.model !== model)
    const leaving = this.#residents.filter((each) => each.model === model)
    const isBusy = ({ running }: Resident) => (running > 0 ? 1 : 0)
    staying.sort((a, b) => isBusy(b) - isBusy(a) || b.idleSince - a.idleSince)
    while (staying.length > 0 && !this.#parts.facts.fits([model, ...staying.map((each) => each.model)]))
      leaving.push(staying.pop() as Resident)
    return leaving
  }

  #expire(): void {
    const { keepAliveMs } = this.#parts.facts
    const isOver = ({ running, idleSince }: Resident) => running === 0 && idleSince + keepAliveMs < this.#now
    // Called at each call, and nearly always in vain.
    if (!this.#residents.some(isOver)) return
    const over = this.#residents.filter(isOver).sort((a, b) => a.idleSince - b.idleSince)
    for (const each of over) this.#remove(each, each.idleSince + keepAliveMs)
  }

  #add({ model, options }: Pick<MachineCall, 'model' | 'options'>): Resident {
    this.#count()
    const resident = { model, options, running: 0, idleSince: this.#now }
    this.#residents.push(resident)
    return resident
  }

  /** `at`: when it left, in clock milliseconds. */
  #remove(resident: Resident, at = this.#now): void {
    this.#count(at)
    this.#residents.splice(this.#residents.indexOf(resident), 1)
  }

  #count(to = this.#now): void {
    if (to <= this.#countedTo) return
    const { leastSlots, slotsOf } = this.#parts
    const inMemory = this.#residents.reduce((sum, { model }) => sum + slotsOf(model), 0)
    this.#slotMs += Math.max(inMemory, leastSlots) * (to - this.#countedTo)
    this.#countedTo = to
  }
}
