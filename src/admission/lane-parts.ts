import type { Accounts } from './accounts.ts'
import type { LaneView, Slot } from './contract.ts'
import type { Turns } from './turns/turns.ts'
import type { Waiting } from './waiting.ts'

/** What all lanes of one admission have in common. */
export interface LaneParts {
  /** Names the Ollama that the slots are on. */
  readonly slot: Slot
  /** Shared by all lanes. */
  readonly waiting: Waiting
  /** Shared by all lanes. */
  readonly turns: Turns
  /** Shared by all lanes. */
  readonly accounts: Accounts
  /** The last call of a name is over, and Ollama has served none of them. */
  readonly unserved: (model: string) => void
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Ollama was seen to run another number of calls at once, so the limit in force or the advice has changed. */
  readonly measured: (lane: LaneView) => void
}
