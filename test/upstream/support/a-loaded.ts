import type { Reply, UpstreamQuestion } from '../../../src/upstream/asking.ts'
import { Loaded } from '../../../src/upstream/loaded.ts'
import type { ModelInMemory } from '../../../src/upstream/loaded-list.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settle } from './scripted-ollama.ts'

/** A Loaded in front of scripted answers, on a standing clock, and what it tells. */
export function aLoaded(answer: Reply | Error) {
  const clock = new ManualClock()
  const ollama = new ScriptedPs(clock, answer)
  const reads: { readonly models: readonly ModelInMemory[]; readonly askedAt: number }[] = []
  const unknowns: (string | undefined)[] = []
  const hooks = { read: () => {}, unknown: () => {} }
  const loaded = new Loaded({
    clock,
    ask: ollama.ask,
    read: (models, askedAt) => {
      reads.push({ models, askedAt })
      hooks.read()
    },
    unknown: (problem) => {
      unknowns.push(problem)
      hooks.unknown()
    },
  })
  /** Moves the clock in small steps, so that each answer comes before the next timer. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      clock.advance(Math.min(STEP_MS, ms - passed))
      await settle()
    }
  }
  return { clock, hooks, loaded, ollama, pass, reads, unknowns }
}

const STEP_MS = 50

/** Answers every question with `answer`. While it holds, an answer waits for `release`. */
class ScriptedPs {
  answer: Reply | Error
  holds = false
  /** Clock times of the questions. */
  readonly askedAt: number[] = []
  readonly questions: UpstreamQuestion[] = []
  readonly #clock: ManualClock
  readonly #held: (() => void)[] = []

  constructor(clock: ManualClock, answer: Reply | Error) {
    this.#clock = clock
    this.answer = answer
  }

  readonly ask = (question: UpstreamQuestion): Promise<Reply> => {
    this.questions.push(question)
    this.askedAt.push(this.#clock.now())
    return new Promise((resolve, reject) => {
      const give = () => (this.answer instanceof Error ? reject(this.answer) : resolve(this.answer))
      if (this.holds) this.#held.push(give)
      else give()
    })
  }

  /** How many questions are under way. */
  get held(): number {
    return this.#held.length
  }

  async release(): Promise<void> {
    this.#held.shift()?.()
    await settle()
  }
}
