import { loadOptions, signature } from '../ollama/load-options.ts'
import { meantStatus } from '../relay/meant-status.ts'
import type { OverCall, WatchedCall } from './contract.ts'

/** One call with Ollama, from look to look. */
export interface FollowedCall {
  /** As of the last look. */
  call: WatchedCall
  /** Ollama owes the next part since then. Clock milliseconds. */
  since: number
  /** Ollama may have begun with the call only then: until then, another call had the place. Clock milliseconds. */
  beginsAt: number
  /** Ollama works although this call does not move. So the call says nothing until it moves. */
  excused: boolean
  /** The load options of the call, equal for equal options. */
  readonly options: string
}

/** A call that was not seen before. */
export function follow(call: WatchedCall): FollowedCall {
  return {
    call: { ...call, bytesOut: 0, begun: false, heldBack: false },
    since: call.sentAt,
    beginsAt: call.sentAt,
    excused: false,
    options: signature(loadOptions(call.options)),
  }
}

/** Ollama owes the next part of the answer. */
export function isOwed({ call, excused }: FollowedCall): boolean {
  return !call.heldBack && !excused
}

/** Ollama itself tells that it could not go on. A server in front of Ollama has other words: 502 to 504. */
export function isErrorOfOllama(call: OverCall): boolean {
  const { cause, outcome } = call
  const status = meantStatus(call)
  return status === 500 || (outcome === 'failed' && status > 0 && status < 400 && (cause ?? null) === null)
}
