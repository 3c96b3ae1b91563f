import type { CallerAccount } from '../caller-account.ts'
import type { Call } from '../contract.ts'
import type { Branch } from './branch.ts'
import type { ClassLine } from './class-line.ts'
import type { FairLine } from './fair-line.ts'
import type { FairMember, LineMember } from './members.ts'

/** Where a share stands, or would stand, in the order of a line. */
interface Standing {
  /** In slot-milliseconds for each unit of weight. */
  readonly key: number
  /** What one call adds to the key. */
  readonly step: number
}

/**
 * Calls of a line that go before a new call, if calls last as long as they usually do. Of another caller's calls, only
 * those count that go before: a long line of one caller delays nobody else. O(callers in line). `meanMs`: of a call.
 */
export function aheadOf<T extends FairMember>(
  line: FairLine<T>,
  call: Call,
  account: CallerAccount,
  { meanMs = 0 }: { readonly meanMs: number | undefined },
): number {
  if (!line.rules.settings.fair || call.slots === 0) return line.eligible
  const part = line.classOf(call)
  const share = account.shareOf(part.index)
  const branch = part.find(account)
  const key = branch?.key ?? share.keyAt(part.level)
  const own = branch === undefined ? 0 : ownAhead(branch, call, account, part.index, meanMs)
  const step = (meanMs * share.size) / share.weight
  const ofClass = own + othersBefore(part.branches(), branch, { key: key + own * step, step }, meanMs)
  return line.loading + ofClass + otherClasses(line, part, ofClass, meanMs)
}

/** The calls of the same caller that go before. */
function ownAhead<T extends LineMember>(
  branch: Branch<T>,
  call: Call,
  account: CallerAccount,
  index: number,
  meanMs: number,
): number {
  const users = account.usersOf(index)
  if (branch.people === undefined || users === undefined) return branch.eligible
  const user = call.user ?? ''
  const person = branch.people.find(user)
  const share = users.of(user)
  const key = person?.key ?? share.keyAt(users.level)
  const own = person?.eligible ?? 0
  const step = meanMs * share.size
  const before = othersBefore(branch.people.branches(), person, { key: key + own * step, step }, meanMs)
  users.left(user)
  return Math.min(branch.eligible, own + before)
}

/** The calls of other branches that go before one that stands at `key`. */
function othersBefore<T extends LineMember>(
  branches: Iterable<Branch<T>>,
  own: Branch<T> | undefined,
  { key }: Standing,
  meanMs: number,
): number {
  let before = 0
  for (const each of branches) {
    if (each === own) continue
    before += goBefore(
      each.eligible,
      { key: each.key, step: (meanMs * each.share.size) / each.share.weight },
      key,
    )
  }
  return before
}

/** The calls of other classes that go before a call that is `ahead` calls from the front of its own class. */
function otherClasses<T extends FairMember>(
  line: FairLine<T>,
  own: ClassLine<T>,
  ahead: number,
  meanMs: number,
): number {
  const v = own.eligible === 0 ? Math.max(own.v, line.v) : own.v
  const key = v + (ahead * meanMs) / own.weight
  let before = 0
  for (const each of line.classes) {
    if (each === undefined || each === own) continue
    before += goBefore(each.eligible, { key: each.v, step: meanMs / each.weight }, key)
  }
  return before
}

/** Of calls that stand at `key`, `key + step` and so on, those that go before one at `until`. Equals came earlier. */
function goBefore(calls: number, { key, step }: Standing, until: number): number {
  if (key > until) return 0
  return step > 0 ? Math.min(calls, Math.floor((until - key) / step) + 1) : calls
}
