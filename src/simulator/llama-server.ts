import Queue from 'yocto-queue'
import type { Cancel, Clock } from '../clock.ts'
import { Decoder, workOf } from './decoder.ts'
import type { EngineLimits } from './engine-call.ts'
import type { SlotUnit } from './slot-unit.ts'

export interface LlamaServerParts {
  readonly clock: Clock
  readonly limits: EngineLimits
  readonly slots: number
  /** llama-server begins to compute the unit. */
  started(unit: SlotUnit): void
  ended(unit: SlotUnit): void
}

/**
 * The process that computes for a runner, with slots of its own. The process notices late that Ollama has given up a
 * unit: llama.cpp looks for closed connections about once a second. Until then the slot stays busy, and a unit that
 * Ollama has let through waits inside.
 */
export class LlamaServer {
  readonly #parts: LlamaServerParts
  readonly #decoder: Decoder
  readonly #inside = new Queue<SlotUnit>()
  readonly #busy = new Set<SlotUnit>()
  /** Timers of the units that Ollama has given up and that still compute. */
  readonly #lingering = new Map<SlotUnit, Cancel>()

  constructor(parts: LlamaServerParts) {
    this.#parts = parts
    this.#decoder = new Decoder(parts.clock, parts.limits.slowdown)
  }

  run(unit: SlotUnit): void {
    if (this.#busy.size < this.#parts.slots) this.#start(unit)
    else this.#inside.enqueue(unit)
  }

  /** Ollama has given up the unit, whose state is `over`. A unit that waits inside leaves its line unseen. */
  abort(unit: SlotUnit): void {
    if (!this.#busy.has(unit)) return
    const { clock, limits } = this.#parts
    const lingerMs = limits.abortLingerMs ?? 0
    const stop = () => this.#stop(unit)
    if (lingerMs > 0) this.#lingering.set(unit, clock.after(lingerMs, stop))
    else stop()
  }

  setPaused(unit: SlotUnit, paused: boolean): void {
    if (unit.work) this.#decoder.setPaused(unit.work, paused)
  }

  /** The work loop is dead, or goes on. */
  set hangs(hangs: boolean) {
    this.#decoder.hangs = hangs
  }

  /** The process ends. */
  kill(): void {
    for (const unit of [...this.#busy]) this.#forget(unit)
    this.#inside.clear()
  }

  #start(unit: SlotUnit): void {
    const { onToken, stretch } = unit.session.call
    const { promptTokens, outputTokens } = unit
    const tell = onToken && ((index: number) => unit.state === 'granted' && onToken(index))
    unit.work = workOf({ promptTokens, outputTokens, stretch, onToken: tell }, this.#parts.limits, () => {
      this.#forget(unit)
      this.#startNext()
      if (unit.state === 'granted') this.#parts.ended(unit)
    })
    this.#busy.add(unit)
    this.#parts.started(unit)
    this.#decoder.add(unit.work)
  }

  #stop(unit: SlotUnit): void {
    this.#forget(unit)
    this.#startNext()
  }

  #forget(unit: SlotUnit): void {
    this.#lingering.get(unit)?.()
    this.#lingering.delete(unit)
    this.#busy.delete(unit)
    if (unit.work) this.#decoder.remove(unit.work)
  }

  #startNext(): void {
    while (this.#busy.size < this.#parts.slots) {
      const next = this.#inside.dequeue()
      if (!next) return
      if (next.state === 'granted') this.#start(next)
    }
  }
}
