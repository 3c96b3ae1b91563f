import type { RunnerFacts } from '../../../src/admission/contract.ts'
import { aCall, anAdmission } from './builders.ts'

/** An admission whose runners the test tells. */
export function withRunners(parts: Parameters<typeof anAdmission>[0] = {}) {
  const facts = new Map<string, RunnerFacts>()
  const opened: string[] = []
  const known = { complete: false }
  const runners = {
    find: (model: string) => facts.get(model),
    get complete() {
      return known.complete
    },
    opened: (model: string) => void opened.push(model),
  }
  const made = anAdmission({ runners, ...parts })
  const { admission } = made
  const tell = (told: Record<string, string | RunnerFacts>) => {
    for (const [model, fact] of Object.entries(told))
      facts.set(model, typeof fact === 'string' ? { runner: fact } : fact)
    admission.regroup()
  }
  const ask = (model: string, slots = 1) => admission.acquire(aCall({ model, slots }))
  return { ...made, ask, facts, known, opened, tell }
}
