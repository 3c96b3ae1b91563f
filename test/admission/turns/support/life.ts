import { type Caller, EVERYBODY, NO_LIMITS } from '../../../../src/callers/caller.ts'
import { TurnChecker } from './checker.ts'
import type { Asked } from './played-call.ts'
import { Random } from './random.ts'
import { TurnWorld, type WorldModel } from './world.ts'

/** More calls at once say nothing more, and take longer. */
const MOST_LIVING = 40
const LONGEST_OUTPUT_MS = 12_000
const LONGEST_LOAD_MS = 8_000
const LONGEST_RECOVERY_MS = 5_000
const HOUR_MS = 3_600_000

/** calm: see TurnChecker. wild: also other clients of Ollama, restarts, lost answers, names that move, turns off and on. */
export type Mood = 'calm' | 'wild'

/** A random world, and random things that happen in it. */
export class Life {
  readonly random: Random
  readonly world: TurnWorld
  readonly checker: TurnChecker
  readonly mood: Mood
  readonly #names: string[]
  readonly #contexts: boolean
  readonly #capped: boolean
  /** Random choices about callers. */
  readonly #whoCalls: Random
  /** No bound holds while busy runners may keep the machine, and for what waits since then. */
  #isUnbounded = false
  #slowestMs = 0
  #story: string[] = []

  /** `capped`: some callers have limits. Everything else of a life is the same with and without them. */
  constructor(seed: number, mood: Mood, capped: boolean) {
    this.mood = mood
    this.random = new Random(seed)
    this.#capped = capped
    this.#whoCalls = new Random(seed)
    const { random } = this
    const models: WorldModel[] = Array.from({ length: 1 + random.below(6) }, (_, index) => ({
      name: `m${index}`,
      // The shortest load of a real Ollama took 32 ms.
      loadMs: random.of(32, 100, 1_000, 3_000, LONGEST_LOAD_MS),
      size: 1 + random.below(60),
      isEmbedding: random.chance(0.2),
    }))
    if (random.chance(0.3)) models.push({ name: 'copy', weights: 'm0', ...picked(models[0]) })
    if (random.chance(0.2)) models.push({ name: 'far', weights: 'cloud' })
    this.#names = models.map(({ name }) => name)
    this.#contexts = random.chance(0.4)
    const numParallel = 1 + random.below(4)
    this.world = new TurnWorld({
      models,
      numParallel,
      parallel: random.chance(0.8) ? numParallel : 1 + random.below(4),
      maxLoaded: 1 + random.below(3),
      // Where memory is short, which models fit together depends on their order, so the proxy can be wrong.
      ...(mood === 'wild' && random.chance(0.5) && { memoryBytes: 100 }),
      vramReturnMs: random.of(0, 0, 700, 1_500),
      keepAliveMs: random.of(5_000, 300_000, this.#forever),
      knowsModels: random.chance(0.8),
      turns: this.#settings(),
    })
    const latest = random.of(2, 10, 50, 400)
    this.world.watch.latencyMs = () => 1 + random.below(latest)
    this.checker = new TurnChecker(this.world, {
      isCalm: mood === 'calm',
      longestWaitMs: () => (this.#isUnbounded ? undefined : this.#longestWaitMs()),
    })
    this.#unbind()
  }

  /**
   * When a runner has to leave that got a call with keep_alive -1 meanwhile, Ollama waits for ever. Where the proxy can be
   * wrong about the runners, such calls come.
   */
  get #forever(): number {
    return this.mood === 'calm' ? Number.POSITIVE_INFINITY : 20_000
  }

  /** The last things that happened, for the message of a failure. */
  get story(): string {
    return this.#story.slice(-40).join('\n')
  }

  live(): void {
    if (this.#capped && this.#whoCalls.chance(0.01)) this.#limitCaller()
    const roll = this.random.next()
    if (roll < 0.4) this.#arrive(1)
    else if (roll < 0.44) this.#arrive(2 + this.random.below(8))
    else if (roll < 0.5) this.#leave()
    else if (roll < 0.95) this.#advance()
    else if (roll < 0.98) this.#operate()
    else if (this.mood === 'wild') this.#disturb()
    else this.#fault()
    this.checker.always()
  }

  /** Everything that is wrong is put right, all clients are served, and nothing is left. */
  quiesce(): void {
    const { world } = this
    this.#say('quiesce')
    world.watch.loses = () => false
    for (const name of this.#names) world.failLoads(name, undefined)
    world.admission.pause('*', false)
    for (const { names } of world.admission.lanes())
      for (const name of names) world.admission.clearOverrides(name, ['parallel', 'queue'])
    world.orderTurns({ ordered: true, maxSwitching: 0.3 })
    this.#unbind()
    while (world.isDown) this.#pass(1_000)
    for (let waitedMs = 0; world.living.size > 0 && waitedMs < 4 * HOUR_MS; waitedMs += 500) this.#pass(500)
    // A plan that is of no use any more stays until its time.
    for (let waitedMs = 0; world.timers.pending > 0 && waitedMs < HOUR_MS; waitedMs += 10_000)
      this.#pass(10_000)
    this.#pass(5_000)
    this.checker.isQuiet()
  }

  #arrive(count: number): void {
    const asked = this.#asked()
    this.#say(`ask ${count}: ${JSON.stringify(asked)}`)
    const caller = this.#caller()
    this.#say(`  by ${caller.id}`)
    for (let i = 0; i < count && this.world.living.size < MOST_LIVING; i++)
      this.checker.watch(this.world.ask(asked, caller))
  }

  #caller(): Caller {
    const { world } = this
    if (!this.#capped || this.#whoCalls.chance(0.3)) return EVERYBODY
    const id = `caller ${this.#whoCalls.below(4)}`
    const limits = this.#whoCalls.chance(0.1) ? this.#callerLimits() : world.callers.get(id)
    return { id, key: undefined, limits: limits ?? this.#callerLimits() }
  }

  #callerLimits() {
    const parallel = this.#whoCalls.of(1, 1, 2, 3, NO_LIMITS.parallel)
    return { parallel, queue: this.#whoCalls.of(3, 20, NO_LIMITS.queue) }
  }

  #limitCaller(): void {
    const { world } = this
    const id = `caller ${this.#whoCalls.below(4)}`
    const limits = this.#callerLimits()
    this.#say(`${id} has ${JSON.stringify(limits)}`)
    world.limitCaller(id, limits)
  }

  #asked(): Asked {
    const { random } = this
    // One model is hot, so that the others have to wait for their turns.
    const hot = random.chance(0.4) ? this.#names[0] : random.from(this.#names)
    const work = random.chance(0.9) ? 'run' : random.of<'load' | 'unload'>('load', 'unload')
    const isBad = random.chance(0.03) && work !== 'unload'
    const patienceMs = random.chance(0.2) ? random.below(30_000) : undefined
    return {
      model: random.chance(0.03) ? `made-up-${random.below(50)}` : (hot ?? 'm0'),
      work,
      promptMs: random.below(500),
      outputMs: random.chance(0.9) ? random.below(3_000) : random.below(LONGEST_OUTPUT_MS),
      streamed: random.chance(0.5),
      tells: random.of('all', 'load', 'nothing'),
      numCtx: this.#contexts && random.chance(0.3) ? random.of(2_048, 8_192) : undefined,
      // A keep_alive that Ollama refuses makes the proxy wrong about the runner.
      keepAliveMs: work === 'unload' ? 0 : isBad && this.mood === 'calm' ? undefined : this.#keepAlive(),
      ...(random.chance(0.05) && { inputs: 2 + random.below(4) }),
      ...(patienceMs !== undefined && { patienceMs }),
      goneAtGrant: random.chance(0.03),
      isBad,
    }
  }

  #keepAlive(): number | undefined {
    if (this.random.chance(0.7)) return undefined
    return this.random.of(0, 300_000, this.#forever, 3_000)
  }

  #leave(): void {
    const call = this.random.from([...this.world.living])
    if (call === undefined) return
    this.#say(`leave ${call.asked.model} ${call.state}`)
    this.world.leave(call, this.random.of('cancelled', 'timed_out', 'failed'))
  }

  #advance(): void {
    const { random } = this
    const roll = random.next()
    const ms = roll < 0.6 ? random.below(300) : roll < 0.97 ? random.below(6_000) : random.below(400_000)
    this.#say(`advance ${ms}`)
    // A long time is looked at in pieces, because checks between the pieces see more.
    for (let left = ms; left > 0; left -= 20_000) this.#pass(Math.min(left, 20_000))
  }

  #pass(ms: number): void {
    this.world.clock.advance(ms)
    this.checker.always()
  }

  /** What operators do. */
  #operate(): void {
    const { random, world } = this
    const name = random.from(this.#names) ?? 'm0'
    const roll = random.next()
    if (roll < 0.25) {
      const paused = random.chance(0.4)
      this.#say(`pause ${name} ${paused}`)
      world.admission.pause(random.chance(0.1) ? '*' : name, paused)
      if (!paused) world.admission.pause('*', false)
    } else if (roll < 0.5) {
      const parallel = random.of(1, 1, 2, 4, 0)
      this.#say(`limit ${name} ${parallel}`)
      world.admission.configure(name, { parallel })
    } else if (roll < 0.7) {
      const settings = this.#settings()
      this.#say(`settings ${JSON.stringify(settings)}`)
      world.orderTurns(settings)
      this.#unbind()
    } else this.#fault()
  }

  #fault(): void {
    const { random, world } = this
    const name = random.from(this.#names) ?? 'm0'
    const fault = {
      kind: random.of<'oom' | 'crash'>('oom', 'crash'),
      times: 1 + random.below(3),
      beside: random.chance(0.4),
    }
    const isOn = random.chance(0.5)
    this.#say(`fault ${name} ${isOn ? JSON.stringify(fault) : 'off'}`)
    world.failLoads(name, isOn ? fault : undefined)
  }

  /** What nobody asked for. */
  #disturb(): void {
    const { random, world } = this
    const roll = random.next()
    if (roll < 0.3) {
      const asked = this.#asked()
      this.#say(`past us: ${JSON.stringify(asked)}`)
      world.askPast(asked)
    } else if (roll < 0.5) {
      const [downMs, tells] = [random.of(0, 0, 500, 10_000), random.chance(0.7)]
      this.#say(`restart, down for ${downMs}, ${tells ? 'told' : 'not told'}`)
      world.restart(downMs, tells)
    } else if (roll < 0.7) {
      const lost = random.of(0, 0, 0.2, 1)
      this.#say(`lost answers: ${lost}`)
      world.watch.loses = () => random.chance(lost)
    } else if (roll < 0.85) {
      const ordered = random.chance(0.6)
      this.#say(`turns ${ordered ? 'on' : 'off'}`)
      world.orderTurns({ ordered })
    } else this.#move()
  }

  /** One name gets the weights of another one, or its own again; the proxy hears of it now or later. */
  #move(): void {
    const { random, world } = this
    const model = world.models.get(random.from(this.#names) ?? '')
    if (model === undefined || model.weights === 'cloud') return
    const weights = random.chance(0.5) ? model.name : `m${random.below(3)}`
    this.#say(`${model.name} is ${weights} now`)
    world.models.set(model.name, { ...model, weights })
    if (world.facts.size > 0) world.clock.after(random.of(0, 3_000), () => world.learnNames())
  }

  #settings() {
    const { random } = this
    return {
      maxWaitMs: random.of(1_000, 5_000, 20_000),
      maxSwitching: random.of(0.1, 0.3, 1, 0),
      // A set that does not fit is an operator's mistake.
      together: this.mood === 'wild' && random.chance(0.1) ? [['m0', 'm1']] : [],
    }
  }

  /** Changes what may be expected. */
  #unbind(): void {
    const { maxSwitching, maxWaitMs } = this.world.settings
    this.#isUnbounded = maxSwitching === 0
    const onceMs = LONGEST_OUTPUT_MS + LONGEST_LOAD_MS + LONGEST_RECOVERY_MS
    if (maxSwitching > 0) this.#slowestMs = Math.max(maxWaitMs, onceMs / maxSwitching) + onceMs
    // Wanted runners count from now.
    if (this.#isUnbounded) this.checker.always()
  }

  /** S6 with a factor, because limits, pauses and failed loads change meanwhile. */
  #longestWaitMs(): number {
    const contenders = (this.#names.length + 2) * (this.#contexts ? 3 : 1)
    return 3 * contenders * this.#slowestMs + 400_000
  }

  #say(what: string): void {
    this.#story.push(`${Math.round(this.world.now)} ${what}`)
    if (this.#story.length > 200) this.#story = this.#story.slice(-60)
  }
}

function picked(model: WorldModel | undefined): Partial<WorldModel> {
  return model === undefined
    ? {}
    : { loadMs: model.loadMs ?? 0, size: model.size ?? 0, isEmbedding: model.isEmbedding === true }
}
