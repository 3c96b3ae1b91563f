import type { FollowedCall } from './followed-call.ts'
import type { RunnerSpeed } from './runner-speed.ts'

// What calls may say nothing for, though Ollama works on them. `owed`: the calls to which Ollama owes the next part.

/** Milliseconds for which answers may say nothing that come in one piece, or that call a tool. */
export function answersMs(owed: readonly FollowedCall[], speed: RunnerSpeed): number {
  let ms = 0
  for (const { call } of owed) {
    if (!call.wantsStream && !call.begun) ms = Math.max(ms, speed.wholeMs)
    else if (call.wantsTools) ms = Math.max(ms, speed.toolCallMs)
  }
  return ms
}

/**
 * Clock milliseconds at which the prompts are done at the latest. They are read one after another here: where Ollama reads
 * several at once, each of them takes as much longer. `from`: no prompt is begun before.
 */
export function promptsUntil(owed: readonly FollowedCall[], speed: RunnerSpeed, from: number): number {
  const unbegun = owed.filter(({ call }) => !call.begun).sort((a, b) => a.beginsAt - b.beginsAt)
  let until = from
  for (const { call, beginsAt } of unbegun)
    until = Math.max(until, beginsAt) + speed.promptMs(call.promptBytes)
  return until
}
