import type { FairSettings } from '../../src/admission/contract.ts'
import { FAIR } from '../../src/admission/fair-settings.ts'
import { LocalAdmission } from '../../src/admission/local-admission.ts'
import { LocalPermit } from '../../src/admission/local-permit.ts'
import type { TurnSettings } from '../../src/admission/turns/contract.ts'
import { EVERYBODY } from '../../src/callers/caller.ts'
import { reportOf } from '../../src/relay/call-report.ts'
import type { EngineFigures } from '../../src/simulator/engine-call.ts'
import { Stats } from '../../src/telemetry/stats.ts'
import { EngineWatch } from './engine-watch.ts'
import { type Contestant, NO_TURNS, TURNS, type World } from './race.ts'
import { SLOT, type TurnCall } from './workload.ts'

/** Nobody gives up, and no line is full. */
const FAR = 1e12
const BYTES_A_TOKEN = 4

/** The proxy without its sockets: admission in front of Ollama. Undefined: turns are switched off. */
export function throughAdmission(
  turns: TurnSettings | undefined,
  fairness: FairSettings = FAIR,
  name = turns === undefined ? NO_TURNS : TURNS,
): Contestant {
  return {
    name,
    enter: (world) => {
      const parts = { fairness }
      const admission = turns === undefined ? admissionOf(world, parts) : withTurns(world, turns, parts)
      return (call) => acquire(admission, world, call)
    },
  }
}

function withTurns(world: World, settings: TurnSettings, more: object): LocalAdmission {
  const { clock, engine } = world
  const watch = new EngineWatch({
    clock,
    engine,
    told: (models, askedAt) => admission.sawLoaded(models, askedAt),
  })
  const observer = { loaded: (load: { reason: string }) => world.loadedFor(load.reason), left() {} }
  const admission = admissionOf(world, { ...more, turns: { settings, observer, watch } })
  return admission
}

function admissionOf({ clock, machine }: World, more: object): LocalAdmission {
  const parts = {
    clock,
    observer: new Stats(clock),
    upstream: { name: 'ollama' },
    defaults: { parallel: machine.slots, queue: FAR },
    maxWaitingBytes: FAR,
    random: () => 0,
    ...more,
  }
  return new LocalAdmission(parts)
}

function acquire(admission: LocalAdmission, world: World, call: TurnCall): void {
  const answer = admission.acquire(admitted(call))
  if (answer instanceof LocalPermit) send(world, call, answer)
  else
    answer.onSettled((result) => {
      if (!(result instanceof LocalPermit)) throw result
      send(world, call, result)
    })
}

/** What the proxy reads of a call before it asks for a slot. */
function admitted({ model, caller = EVERYBODY, promptTokens, keepAliveMs, numCtx }: TurnCall) {
  return {
    ...{ model, caller, slots: 1, deadline: FAR, bytes: BYTES_A_TOKEN * promptTokens },
    ...(numCtx === undefined ? {} : { options: `num_ctx=${numCtx}` }),
    keepsLoaded: keepAliveMs === undefined ? undefined : keepAliveMs > 0,
  }
}

/** As the relay does: the permit hears of the first byte, and is released with what the answer told. */
function send(world: World, call: TurnCall, permit: LocalPermit): void {
  const { clock } = world
  const sentAt = clock.now()
  const began = () => permit.began(clock.now())
  world.send(call, {
    ...(call.streamed ? { firstByte: began } : {}),
    done: (figures) => {
      if (!call.streamed) began()
      const tookMs = clock.now() - sentAt
      permit.release('done', clock.now(), reportOf(told(figures), times(call, figures, tookMs), true))
    },
  })
}

/** The final chunk of an answer on one of Ollama's own routes. */
function told({ totalMs, loadMs, promptMs, outputMs, promptTokens, outputTokens }: EngineFigures) {
  const tokens = { tokensIn: promptTokens, tokensOut: outputTokens }
  return { totalMs, loadMs, promptMs, evalMs: outputMs, ...tokens, failed: false }
}

function times({ streamed }: TurnCall, { outputMs }: EngineFigures, tookMs: number) {
  const firstTokenMs = 1_000 / SLOT.outputRate
  return { firstByteMs: streamed ? tookMs - outputMs + firstTokenMs : tookMs, tookMs, streamed }
}
