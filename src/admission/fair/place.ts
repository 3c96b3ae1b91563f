import type { CallerAccount } from '../caller-account.ts'
import type { Call } from '../contract.ts'
import type { Branch } from './branch.ts'
import type { FairLine } from './fair-line.ts'
import type { FairMember } from './members.ts'

/** A call in line, and its line. */
interface Place<T extends FairMember, L> {
  readonly line: L
  readonly ticket: T
}

/** A party that has calls in line, and where they are. */
interface Party<T extends FairMember, L> {
  places: number
  readonly branches: { readonly line: L; readonly branch: Branch<T> }[]
  /** Those of its calls that only load the model. */
  readonly loads: Place<T, L>[]
}

/**
 * The call that gives its place in a full line to a new one: the newest call of the caller who has most places. It gives
 * way only where its caller still has no fewer places than the new one has then: otherwise two callers would push each
 * other out for ever. Among the people behind one key, the same holds for each of them. Undefined: no call gives way.
 */
export function placeFor<T extends FairMember, L extends FairLine<T>>(
  call: Call,
  account: CallerAccount,
  lines: readonly L[],
): Place<T, L> | undefined {
  if (lines[0]?.rules.settings.fair !== true) return undefined
  const callers = partiesOf<T, L>(lines)
  const [caller, most] = greediest(callers)
  if (most === undefined) return undefined
  if (caller !== account && (callers.get(account)?.places ?? 0) + 1 < most.places) return newestOf(most)
  const own = callers.get(account)
  if (own === undefined || own.places < most.places) return undefined
  const people = peopleOf(own)
  const [, greediestPerson] = greediest(people)
  const places = people.get(call.user ?? '')?.places ?? 0
  return greediestPerson !== undefined && places + 1 < greediestPerson.places
    ? newestOf(greediestPerson)
    : undefined
}

function partiesOf<T extends FairMember, L extends FairLine<T>>(
  lines: readonly L[],
): Map<CallerAccount | string, Party<T, L>> {
  const parties = new Map<CallerAccount | string, Party<T, L>>()
  for (const line of lines) {
    for (const branch of line.branches()) count(parties, line, branch)
    for (const ticket of line.loads) {
      const party = partyOf(parties, ticket.account)
      party.places++
      party.loads.push({ line, ticket })
    }
  }
  return parties
}

function partyOf<T extends FairMember, L>(
  parties: Map<CallerAccount | string, Party<T, L>>,
  whose: CallerAccount | string,
): Party<T, L> {
  const party = parties.get(whose) ?? { places: 0, branches: [], loads: [] }
  parties.set(whose, party)
  return party
}

function count<T extends FairMember, L>(
  parties: Map<CallerAccount | string, Party<T, L>>,
  line: L,
  branch: Branch<T>,
): void {
  const party = partyOf(parties, branch.whose)
  party.places += branch.living
  party.branches.push({ line, branch })
}

/** The people behind a key. Empty for a caller whose people are not told apart. */
function peopleOf<T extends FairMember, L>(key: Party<T, L>): Map<CallerAccount | string, Party<T, L>> {
  const people = new Map<CallerAccount | string, Party<T, L>>()
  for (const { line, branch } of key.branches)
    for (const person of branch.people?.branches() ?? []) count(people, line, person)
  return people
}

/** Whoever has most places. Among equals, the first that came. */
function greediest<K, P extends { readonly places: number }>(parties: ReadonlyMap<K, P>): [K?, P?] {
  let greedy: [K?, P?] = []
  for (const [who, party] of parties) if (party.places > (greedy[1]?.places ?? 0)) greedy = [who, party]
  return greedy
}

/** The newest call of a party. Of a key, the newest one of the person with most places. */
function newestOf<T extends FairMember, L>(party: Party<T, L>): Place<T, L> | undefined {
  const [, person] = greediest(peopleOf(party))
  let newest = party.loads.at(-1)
  for (const { line, branch } of (person ?? party).branches)
    for (const ticket of branch.members())
      if (newest === undefined || ticket.number > newest.ticket.number) newest = { line, ticket }
  return newest
}
