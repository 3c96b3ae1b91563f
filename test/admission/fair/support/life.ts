import assert from 'node:assert/strict'
import { CALL_CLASSES, type CallerLimits, NO_LIMITS } from '../../../../src/callers/caller.ts'
import { lineOf } from '../../support/builders.ts'
import { Random } from '../../turns/support/random.ts'
import { FairChecker } from './checker.ts'
import { GapWatch } from './gap-watch.ts'
import { type FairCall, FairWorld, type Wish } from './world.ts'

/** More calls at once say nothing more, and take longer. */
const MOST_LIVING = 150
const LONGEST_MS = 6_000
const RATIO = 60

/**
 * steady: one lane whose number of slots stays, and callers of which some always have calls in line, without limits of
 * their own. So their shares can be compared. wild: everything else happens, too.
 */
export type FairMood = 'steady' | 'wild'

/** A random world, and random things that happen in it. */
export class FairLife {
  readonly world: FairWorld
  readonly checker: FairChecker
  /** Between the callers of one class, between the people of one key in one class, and between classes. Of steady lives. */
  readonly gaps: readonly GapWatch[]
  readonly #random: Random
  readonly #mood: FairMood
  readonly #models: readonly string[]
  readonly #callers: readonly string[]
  /** Callers that always have calls in line: so many, with these wishes. */
  #backlogs: { readonly wish: () => Wish; readonly count: number; own: Set<FairCall> }[] = []
  #story: string[] = []

  constructor(seed: number, mood: FairMood) {
    const random = new Random(seed * 7 + (mood === 'steady' ? 0 : 3))
    this.#random = random
    this.#mood = mood
    const isSteady = mood === 'steady'
    this.#models = isSteady ? ['m'] : ['m', 'n', 'o'].slice(0, 1 + random.below(3))
    const count = 2 + random.below(6)
    // Callers whose names begin with `key` have keys, and people behind them.
    this.#callers = Array.from(
      { length: count },
      (_, index) => `${random.chance(0.3) ? 'key' : 'caller'} ${index}`,
    )
    const parallel = 1 + random.below(isSteady ? 8 : 4)
    this.world = new FairWorld({
      defaults: { parallel, queue: isSteady ? 1e6 : random.of(0, 4, 15, 60, 1e6) },
      maxWaitingBytes: isSteady ? 1e12 : random.of(2_000, 1e12),
      callers: Object.fromEntries(this.#callers.map((by) => [by, this.#callerLimits()])),
      fairness: {
        weights: random.chance(0.5)
          ? { interactive: 8, normal: 3, batch: 1 }
          : { interactive: 1 + random.below(8), normal: 1 + random.below(8), batch: 1 + random.below(8) },
        reserve: isSteady ? 0 : random.below(3),
      },
    })
    this.checker = new FairChecker(this.world)
    this.gaps = isSteady ? this.#watchGaps(parallel) : []
    if (isSteady) this.#startBacklogs()
  }

  /** The last things that happened, for the message of a failure. */
  get story(): string {
    return this.#story.slice(-30).join('\n')
  }

  live(): void {
    const roll = this.#random.next()
    if (roll < 0.34) this.#arrive(1)
    else if (roll < 0.4) this.#arrive(2 + this.#random.below(15))
    else if (roll < 0.5) this.#leave()
    else if (roll < 0.93) this.#pass()
    else if (this.#mood === 'wild') this.#operate()
    else if (roll < 0.95) this.#startBacklogs()
    this.#look()
  }

  /** Everybody is served, and nothing is left. */
  quiesce(): void {
    const { world } = this
    this.#say('quiesce')
    this.#backlogs = []
    if (this.#mood === 'wild') {
      world.admission.pause('*', false)
      for (const by of this.#callers) world.limitCaller(by, NO_LIMITS)
      for (const model of ['*', ...this.#models]) world.admission.configure(model, { parallel: 4 })
    }
    for (
      let waitedMs = 0;
      world.running.size + world.standing.size > 0 && waitedMs < 1e7;
      waitedMs += 1_000
    ) {
      world.clock.advance(1_000)
      this.#look()
    }
    assert.equal(world.running.size + world.standing.size, 0, 'calls are left')
    this.checker.isQuiet()
    // A caller that owes something is remembered for ten minutes, until the next one comes.
    world.clock.advance(11 * 60_000)
    const last = world.ask({ by: 'last', serviceMs: 1 })
    world.clock.advance(1)
    assert.equal(last.end, 'done')
    const accounts: string[] = []
    world.admission.callersChanged((id) => {
      accounts.push(id)
      return undefined
    })
    assert.ok(accounts.length <= 1, `S8: accounts are left: ${accounts}`)
  }

  #watchGaps(slots: number): GapWatch[] {
    const { world } = this
    const partyOf = ({ wish, class: kind }: FairCall) => `${kind}/${wish.by}`
    const indexOf = ({ class: kind }: FairCall) => CALL_CLASSES.indexOf(kind)
    const callers = new GapWatch(world, {
      partyOf,
      groupOf: (party) => party.split('/')[0] ?? '',
      weightOf: (party) => world.limitsOf(party.split('/')[1] ?? '').weight ?? 1,
      accountOf: (call) => call.ticket?.account.shareOf(indexOf(call)),
      slots,
    })
    const people = new GapWatch(world, {
      partyOf: (call) => (call.wish.user === undefined ? undefined : `${partyOf(call)}/${call.wish.user}`),
      groupOf: (party) => party.split('/', 2).join('/'),
      accountOf: (call) => call.ticket?.account.usersOf(indexOf(call))?.of(call.wish.user ?? ''),
      slots,
    })
    const classes = new GapWatch(world, {
      partyOf: (call) => call.class,
      weightOf: (party) => world.fairness.weights[CALL_CLASSES.find((each) => each === party) ?? 'normal'],
      accountOf: (call) => [...world.admission.lanes()].map((lane) => lineOf(lane).classes[indexOf(call)])[0],
      slots,
    })
    return [callers, people, classes]
  }

  /** Other callers than before have calls in line all the time. */
  #startBacklogs(): void {
    const random = this.#random
    const count = 1 + random.below(4)
    this.#backlogs = Array.from({ length: count }, () => {
      const by = random.from(this.#callers) ?? 'caller 0'
      const kind = random.chance(0.6) ? 'normal' : random.of(...CALL_CLASSES)
      // The calls of one caller are alike, or of all lengths.
      const usualMs = random.chance(0.5) ? this.#lengthMs() : undefined
      const wish = () => ({
        by,
        class: kind,
        user: this.#user(by),
        serviceMs: usualMs ?? this.#lengthMs(),
      })
      return { wish, count: 10 + random.below(8), own: new Set<FairCall>() }
    })
    this.#say(`backlogs of ${this.#backlogs.map(({ wish }) => wish().by)}`)
    this.#refill()
  }

  #refill(): void {
    for (const backlog of this.#backlogs) {
      backlog.own = new Set([...backlog.own].filter(({ state }) => state === 'line'))
      while (backlog.own.size < backlog.count) {
        const call = this.#ask(backlog.wish())
        backlog.own.add(call)
        if (call.state === 'over') return
      }
    }
  }

  #arrive(count: number): void {
    const random = this.#random
    const by = random.from(this.#callers) ?? 'caller 0'
    const isSteady = this.#mood === 'steady'
    const wish: Wish = {
      by,
      model: random.from(this.#models) ?? 'm',
      class: random.chance(0.6) ? 'normal' : random.of(...CALL_CLASSES),
      user: this.#user(by),
      serviceMs: this.#lengthMs(),
      slots: isSteady || random.chance(0.97) ? 1 : random.of(0, 2, 3),
      bytes: random.below(200),
      ...(random.chance(0.2) && { patienceMs: random.below(20_000) }),
    }
    this.#say(`ask ${count}: ${JSON.stringify(wish)}`)
    for (let i = 0; i < count && this.world.standing.size < MOST_LIVING; i++) this.#ask(wish)
  }

  #ask(wish: Wish): FairCall {
    return this.checker.arrival(wish.model ?? 'm', () => this.world.ask(wish))
  }

  #leave(): void {
    const random = this.#random
    const calls = random.chance(0.7) ? [...this.world.standing] : [...this.world.running]
    const call = random.from(calls)
    if (call === undefined) return
    this.#say(`leave ${call.wish.by} ${call.state}`)
    this.world.leave(call, random.of('cancelled', 'failed', 'timed_out'))
  }

  #pass(): void {
    const ms = this.#random.chance(0.8) ? this.#random.below(600) : this.#random.below(8_000)
    this.#say(`advance ${ms}`)
    // Who always waits is given new calls often.
    for (let left = ms; left > 0; left -= 400) {
      this.world.clock.advance(Math.min(left, 400))
      this.#refill()
      this.#look()
    }
  }

  /** What operators do. */
  #operate(): void {
    const { world } = this
    const random = this.#random
    const model = random.chance(0.2) ? '*' : (random.from(this.#models) ?? 'm')
    const roll = random.next()
    if (roll < 0.2) this.checker.oneMoreSlot(random.from(this.#models) ?? 'm')
    else if (roll < 0.35) {
      const change = random.of<object>(
        { parallel: random.below(6) },
        { parallel: random.of(1, 2, Number.POSITIVE_INFINITY) },
        { queue: random.of(0, 4, 15, 60) },
      )
      this.#say(`limits of ${model}: ${JSON.stringify(change)}`)
      world.admission.configure(model, change)
    } else if (roll < 0.5) {
      const paused = random.chance(0.4)
      this.#say(`pause ${model} ${paused}`)
      world.admission.pause(paused ? model : '*', paused)
    } else if (roll < 0.8) {
      const by = random.from(this.#callers) ?? 'caller 0'
      const limits = this.#callerLimits()
      this.#say(`limits of ${by}: ${JSON.stringify(limits)}`)
      world.limitCaller(by, limits)
    } else if (roll < 0.95) {
      const change = random.of<Partial<FairWorld['fairness']>>(
        { reserve: random.below(4) },
        {
          weights: {
            interactive: 1 + random.below(9),
            normal: 1 + random.below(9),
            batch: 1 + random.below(9),
          },
        },
        { fair: random.chance(0.7) },
      )
      this.#say(`share ${JSON.stringify(change)}`)
      world.share(change)
    } else {
      this.#say('restart')
      world.admission.forgetLearned()
    }
  }

  #look(): void {
    this.checker.always()
    for (const { charged, received } of this.gaps) {
      assert.ok(charged.share <= 1, `S3: ${charged.text}`)
      // S3 bounds what is charged. Of the calls that run, P more may be charged and not received yet.
      assert.ok(received.share <= 2, `S3: ${received.text}`)
    }
  }

  #callerLimits(): CallerLimits {
    const random = this.#random
    const weight = 1 + random.below(8)
    if (this.#mood === 'steady' || random.chance(0.5)) return { ...NO_LIMITS, weight }
    return {
      parallel: random.of(NO_LIMITS.parallel, 1, 2, 3),
      queue: random.of(NO_LIMITS.queue, NO_LIMITS.queue, 3, 20),
      weight,
    }
  }

  #user(by: string): string | undefined {
    return by.startsWith('key') ? `user ${this.#random.below(3)}` : undefined
  }

  /** Lengths differ up to 60-fold. */
  #lengthMs(): number {
    return Math.round((LONGEST_MS / RATIO) * RATIO ** this.#random.next())
  }

  #say(what: string): void {
    this.#story.push(`${Math.round(this.world.now)} ${what}`)
    if (this.#story.length > 200) this.#story = this.#story.slice(-60)
  }
}
