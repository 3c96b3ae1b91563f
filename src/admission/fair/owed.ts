import type { Branch } from './branch.ts'
import type { ClassLine } from './class-line.ts'
import type { FairLine } from './fair-line.ts'
import type { FairMember } from './members.ts'
import type { SeenLine, ServedLine } from './progress.ts'

const UNKNOWN = Number.NEGATIVE_INFINITY

/**
 * A call has come to a line whose runner is not loaded. Its caller remembers how far the other lines have served, unless
 * it waits already.
 */
export function remember<T extends FairMember>(
  line: FairLine<T>,
  { call, account }: T,
  others: Iterable<ServedLine>,
): void {
  if (call.slots === 0 || !line.rules.settings.fair) return
  const part = line.classOf(call)
  const branch = part.find(account)
  if (branch === undefined || branch.seen !== undefined) return
  for (const other of others) if (other !== line) see(branch, part, other)
}

/**
 * By how many of its own calls the caller of the next call in `line` is behind the callers that `other` has served since
 * that caller was seen to wait. What the caller got elsewhere meanwhile counts. Below 0: ahead; -Infinity: not
 * known. `meanMs`: of a call.
 */
export function owedOver<T extends FairMember>(
  line: FairLine<T>,
  other: ServedLine,
  { meanMs = 0 }: { readonly meanMs: number | undefined },
): number {
  const part = line.nextClass()
  const branch = part?.order.next()
  if (branch === undefined || part === undefined || !line.rules.settings.fair) return UNKNOWN
  const seen = branch.seen?.find((each) => each.line === other) ?? see(branch, part, other)
  const step = (meanMs * branch.share.size) / branch.share.weight
  if (step <= 0) return UNKNOWN
  const { level, v, hasClass, last } = other.progress(part.index)
  // A caller is not owed over itself. Where its calls end sooner than predicted, it would seem so for a moment.
  if (last === branch.share) return UNKNOWN
  // Of a class that is not served there, the caller has missed what its class has missed.
  const missed = hasClass ? level - seen.progress.level : (v - seen.progress.v) * part.weight
  return (missed - (branch.key - seen.key) - seen.lead) / step
}

function see<T extends FairMember>(branch: Branch<T>, part: ClassLine<T>, line: ServedLine): SeenLine {
  const { key } = branch
  const lead = Math.max(0, key - part.level.v)
  const seen = { line, progress: line.progress(part.index), key, lead }
  branch.seen ??= []
  branch.seen.push(seen)
  return seen
}
