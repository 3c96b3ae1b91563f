import type { SlotWork } from './decoder.ts'
import type { Session } from './session.ts'

/** What takes one slot: a whole call, or one of the inputs of an embed. */
export class SlotUnit {
  readonly session: Session
  readonly promptTokens: number
  readonly outputTokens: number
  /** Not at the semaphore yet, in its line, past it, or done or given up. */
  state: 'new' | 'waiting' | 'granted' | 'over' = 'new'
  /** Set while llama-server computes. */
  work: SlotWork | undefined

  constructor(session: Session, promptTokens: number, outputTokens: number) {
    this.session = session
    this.promptTokens = promptTokens
    this.outputTokens = outputTokens
  }
}

/** The units of a call: each input of an embed is one. */
export function unitsOf(session: Session): SlotUnit[] {
  const { inputs, promptTokens, outputTokens } = session.call
  if (!inputs) return [new SlotUnit(session, promptTokens, outputTokens)]
  return inputs.map((tokens) => new SlotUnit(session, tokens, 0))
}
