import assert from 'node:assert/strict'
import type { Call, Limits } from '../../../src/admission/contract.ts'
import { type Fate, LineModel, type Turn } from './line-model.ts'

/** All lanes of a history, told a second time: limits of their own, defaults, and the bytes they share. */
export class AdmissionModel {
  readonly lines = new Map<string, LineModel>()
  readonly #own = new Map<string, Partial<Limits>>()
  readonly #maxWaitingBytes: number
  #defaults: Limits
  #closed = false

  constructor(models: readonly string[], defaults: Limits, maxWaitingBytes: number) {
    this.#defaults = defaults
    this.#maxWaitingBytes = maxWaitingBytes
    for (const model of models) this.lines.set(model, new LineModel(defaults))
  }

  line(model: string): LineModel {
    const line = this.lines.get(model)
    assert.ok(line)
    return line
  }

  get waitingBytes(): number {
    let bytes = 0
    for (const line of this.lines.values()) bytes += line.bytes
    return bytes
  }

  /** Deadlines of all who wait, by id. */
  get deadlines(): Map<number, number> {
    const deadlines = new Map<number, number>()
    for (const { line } of this.lines.values())
      for (const { id, deadline } of line) deadlines.set(id, deadline)
    return deadlines
  }

  limitsOf(model: string): Limits {
    return { ...this.#defaults, ...this.#own.get(model) }
  }

  turnOf(call: Call, now: number): Turn {
    if (this.#closed) return 'shutting_down'
    return this.line(call.model).turnOf(call, now, this.#maxWaitingBytes - this.waitingBytes)
  }

  /** Sets limits, with `*` the defaults; returns who must have been settled by that, in order. */
  configure(model: string, change: Partial<Limits>, now: number): Fate[] {
    if (model === '*') this.#defaults = { ...this.#defaults, ...change }
    else this.#own.set(model, { ...this.#own.get(model), ...change })
    const fates: Fate[] = []
    for (const [name, line] of this.lines) {
      line.limits = this.limitsOf(name)
      fates.push(...line.handOver(now))
    }
    return fates
  }

  pause(model: string, paused: boolean, now: number): Fate[] {
    const fates: Fate[] = []
    for (const [name, line] of this.lines) {
      if (model !== '*' && model !== name) continue
      line.paused = paused
      fates.push(...line.handOver(now))
    }
    return fates
  }

  close(): Fate[] {
    this.#closed = true
    const waiters = [...this.lines.values()].flatMap(({ line }) => line.splice(0))
    return waiters.map(({ id }) => ({ id, fate: 'shutting_down' }))
  }

  /** Takes a waiter out of its line; false when it is in none. */
  remove(id: number): boolean {
    return [...this.lines.values()].some((line) => line.remove(id))
  }
}
