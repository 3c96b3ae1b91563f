import type { Clock } from '../clock.ts'
import type { ModelInput, Script } from './answer.ts'
import type { WallTime } from './answer-format.ts'
import type { Engine } from './engine.ts'
import type { Faults } from './faults.ts'
import type { HttpExchange } from './http-exchange.ts'
import type { Ids } from './ids.ts'
import type { Library } from './models.ts'

/** The parts of the simulator that the routes share. */
export interface SimulatedOllama {
  readonly clock: Clock
  /** The wall time of the clock. */
  readonly wallTime: WallTime
  readonly engine: Engine
  readonly library: Library
  /** Digests of the uploaded blobs. The simulator hashes the bytes of a blob and does not keep them. */
  readonly blobs: Set<string>
  readonly faults: Faults
  readonly ids: Ids
  /** Gives the text of an answer. Undefined: the text is made up. */
  readonly script: (input: ModelInput) => Script | undefined
  readonly restart: (options: RestartOptions) => Promise<void>
}

export interface RestartOptions {
  /** OLLAMA_NUM_PARALLEL from now on. Undefined: as before. */
  readonly numParallel?: number | undefined
  /** How long the port stays closed. Default: 0. */
  readonly closedMs?: number | undefined
}

/** Answers one request. A thrown WireError becomes an error answer in the route's ErrorFormat. */
export type Handler = (exchange: HttpExchange, ollama: SimulatedOllama) => void | Promise<void>
